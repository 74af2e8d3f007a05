//! Connections: errors name the remedy, and passwords are never shown.

use std::net::{IpAddr, Ipv4Addr, Shutdown, TcpListener, TcpStream, UdpSocket};

use super::{Cluster, mini, new_schema};
use crate::harness::{ProgramOutput, Workspace, wait_until};

const VIEW: &str = "users-per-lau-day-night";

fn work(url: &str) -> Workspace {
    let work = Workspace::mini();
    work.postgis(url, &new_schema(), "");
    work
}

fn assert_rejected(work: &Workspace, args: &[&str], words: &[&str]) {
    let ran = work.fails(args, 1, words);
    let password = Cluster::shared().password();
    assert!(!ran.stderr.contains(password), "{}", ran.stderr);
    assert!(!ran.stderr.contains("s3cret"), "{}", ran.stderr);
}

#[test]
#[ignore = "needs PostGIS: run make test"]
fn connection_errors_name_the_remedy_and_no_password() {
    let cluster = Cluster::shared();
    let wrong = cluster.url_with(cluster.password(), "s3cret");
    assert_rejected(
        &work(&wrong),
        &["query", VIEW],
        &["postgres://", "password authentication", "PGPASSWORD"],
    );
    let nowhere = cluster.url_with("/mobility", "/nowhere");
    assert_rejected(
        &work(&nowhere),
        &["load"],
        &["\"nowhere\" does not exist", "createdb nowhere"],
    );
    let closed = "postgres://me:s3cret@127.0.0.1:9/db";
    assert_rejected(&work(closed), &["query", VIEW], &["127.0.0.1:9", "refused", "make postgis"]);
    let checked = work(&wrong).run(&["check"]);
    assert_eq!(checked.status, 1);
    assert!(checked.stdout.contains("WRONG  warehouse"), "{}", checked.stdout);
    assert!(!checked.stdout.contains("s3cret"), "{}", checked.stdout);
}

#[test]
#[ignore = "needs PostGIS: run make test"]
fn missing_extension_and_missing_privileges_are_reported_with_the_statement_to_run() {
    let cluster = Cluster::shared();
    cluster
        .client()
        .batch_execute("CREATE ROLE plain LOGIN PASSWORD 's3cret'; ")
        .and_then(|()| cluster.client().batch_execute("CREATE DATABASE bare TEMPLATE template0"))
        .unwrap();
    let plain = cluster.url_with(&format!("postgres:{}@", cluster.password()), "plain:s3cret@");
    let bare = plain.replace("/mobility", "/bare");
    assert_rejected(
        &work(&bare),
        &["load"],
        &["database bare", "CREATE EXTENSION postgis", "CREATE SCHEMA", "role plain"],
    );
    // a superuser creates both
    let work = work(&cluster.url_with("/mobility", "/bare"));
    work.ok(&["run-all"]);
    // a schema that belongs to another role
    let schema = new_schema();
    cluster.client().batch_execute(&format!("CREATE SCHEMA {schema}")).unwrap();
    let work = Workspace::mini();
    work.postgis(&plain, &schema, "");
    work.ok(&["compress"]);
    work.ok(&["geojoin"]);
    assert_rejected(
        &work,
        &["load"],
        &["role plain may not create tables", "GRANT CREATE, USAGE", &schema],
    );
    // owning the schema is enough
    cluster.client().batch_execute(&format!("ALTER SCHEMA {schema} OWNER TO plain")).unwrap();
    work.ok(&["run-all"]);
    assert_eq!(
        work.ok(&["query", VIEW, "--format", "csv"]),
        crate::harness::expected("view_users_per_lau_day_night")
    );
}

#[test]
#[ignore = "needs PostGIS: run make test"]
fn pg_environment_variables_complete_the_url() {
    let cluster = Cluster::shared();
    let (work, schema) = mini();
    work.ok(&["run-all"]);
    let (head, tail) = cluster.url.split_once("127.0.0.1:").unwrap();
    let password = cluster.password();
    let user = head.trim_start_matches("postgres://").split(':').next().unwrap();
    let (port, database) = tail.split_once('/').unwrap();
    work.postgis("postgres:///", &schema, "");
    let env = [
        ("PGHOST", "127.0.0.1"),
        ("PGPORT", port),
        ("PGUSER", user),
        ("PGPASSWORD", password),
        ("PGDATABASE", database),
    ];
    let sql = "SELECT current_setting('application_name') AS a";
    let run = |more: &[(&str, &str)]| {
        let mut command = work.command(&["query", "--sql", sql, "--format", "csv"]);
        command.envs(env).envs(more.iter().copied());
        ProgramOutput::of(command.output().unwrap())
    };
    let ran = run(&[]);
    assert_eq!((ran.stdout.as_str(), ran.status), ("a\nmobility\n", 0), "{}", ran.stderr);
    assert_eq!(run(&[("PGAPPNAME", "nightly")]).stdout, "a\nnightly\n");
    let ran = run(&[("DATABASE_URL", "postgres://other:s3cret@127.0.0.1:9/x")]);
    assert!(
        ran.status == 1 && ran.stderr.contains("127.0.0.1:9") && !ran.stderr.contains("s3cret")
    );
}

#[test]
#[ignore = "needs PostGIS: run make test"]
fn sslmode_decides_how_the_certificate_is_verified() {
    let cluster = Cluster::shared();
    let (work, schema) = mini();
    work.ok(&["run-all"]);
    let root = cluster.certificate();
    let sql = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()";
    let requested = |url: &str| {
        work.postgis(url, &schema, "");
        work.run(&["query", "--sql", sql, "--format", "csv"])
    };
    for (parameters, out) in [
        ("sslmode=disable".to_owned(), "ssl\nfalse\n"),
        ("sslmode=require".to_owned(), "ssl\ntrue\n"),
        (format!("sslmode=verify-ca&sslrootcert={}", root.display()), "ssl\ntrue\n"),
        (format!("sslmode=verify-full&sslrootcert={}", root.display()), "ssl\ntrue\n"),
    ] {
        let ran = requested(&format!("{}?{parameters}", cluster.url));
        assert_eq!(ran.stdout, out, "{parameters}: {}", ran.stderr);
    }
    // a self-signed certificate is not trusted
    let ran = requested(&format!("{}?sslmode=verify-full", cluster.url));
    assert!(ran.status == 1 && ran.stderr.contains("certificate"), "{}", ran.stderr);
    let ran = requested(&format!("{}?sslmode=yes", cluster.url));
    assert!(ran.status == 1 && ran.stderr.contains("verify-full"), "{}", ran.stderr);
}

/// An address of this machine that is not loopback, as another host would have.
fn own_address() -> Ipv4Addr {
    // nothing is sent: this only selects the interface
    let socket = UdpSocket::bind("0.0.0.0:0").unwrap();
    socket.connect("198.51.100.1:9").expect("this test needs a network interface besides loopback");
    match socket.local_addr().unwrap().ip() {
        IpAddr::V4(address) if !address.is_loopback() => address,
        other => panic!("this test needs a network interface besides loopback, not {other}"),
    }
}

/// Forwards connections to that address to a port on loopback; returns the port.
fn forward(address: Ipv4Addr, to: u16) -> u16 {
    let listener = TcpListener::bind((address, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for client in listener.incoming().map_while(Result::ok) {
            let server = TcpStream::connect(("127.0.0.1", to)).unwrap();
            let ends = [(&client, &server), (&server, &client)];
            for (mut from, mut to) in
                ends.map(|(a, b)| (a.try_clone().unwrap(), b.try_clone().unwrap()))
            {
                std::thread::spawn(move || {
                    let _ = std::io::copy(&mut from, &mut to);
                    let _ = to.shutdown(Shutdown::Write);
                });
            }
        }
    });
    port
}

#[test]
#[ignore = "needs PostGIS: run make test"]
fn certificate_of_another_host_is_verified_by_default() {
    let cluster = Cluster::shared();
    let (work, schema) = mini();
    work.ok(&["run-all"]);
    let root = cluster.certificate();
    let (head, tail) = cluster.url.split_once("127.0.0.1:").unwrap();
    let (port, database) = tail.split_once('/').unwrap();
    let address = own_address();
    let forwarded = forward(address, port.parse().unwrap());
    let sql = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()";
    let requested = |host: &str, parameters: &str| {
        let url = format!("{head}{host}:{forwarded}/{database}?{parameters}");
        work.postgis(&url, &schema, "");
        work.run(&["query", "--sql", sql, "--format", "csv"])
    };
    let other = address.to_string();
    let own_root = format!("sslrootcert={}", root.display());
    // the certificate is that of localhost and of no authority that the system knows
    let as_localhost = format!("hostaddr={address}&{own_root}");
    for (host, parameters) in [
        (other.as_str(), String::new()),
        (&other, own_root.clone()),
        ("localhost", format!("hostaddr={address}")),
        (&other, "sslrootcert=system".to_owned()),
    ] {
        let ran = requested(host, &parameters);
        assert_eq!(ran.status, 1, "{host} {parameters}: {}", ran.stdout);
        for word in ["certificate", "sslrootcert=FILE"] {
            assert!(ran.stderr.contains(word), "{host} {parameters}: {}", ran.stderr);
        }
    }
    for (host, parameters, out) in [
        ("localhost", as_localhost, "ssl\ntrue\n"),
        (&other, format!("sslmode=verify-ca&{own_root}"), "ssl\ntrue\n"),
        (&other, "sslmode=require".to_owned(), "ssl\ntrue\n"),
        (&other, "sslmode=prefer".to_owned(), "ssl\ntrue\n"),
        (&other, "sslmode=disable".to_owned(), "ssl\nfalse\n"),
    ] {
        let ran = requested(host, &parameters);
        assert_eq!(ran.stdout, out, "{host} {parameters}: {}", ran.stderr);
    }
    // a server without TLS
    let plain = Cluster::start("without-tls");
    plain.client().batch_execute("ALTER SYSTEM SET ssl = off").unwrap();
    plain.client().batch_execute("SELECT pg_reload_conf()").unwrap();
    wait_until("TLS is off", || super::lines(&mut plain.client(), "SHOW ssl") == ["off"]);
    let (head, tail) = plain.url.split_once("127.0.0.1:").unwrap();
    let (port, database) = tail.split_once('/').unwrap();
    let forwarded = forward(address, port.parse().unwrap());
    work.postgis(&format!("{head}{address}:{forwarded}/{database}"), &schema, "");
    work.fails(&["query", VIEW], 1, &["TLS", "sslmode"]);
}

#[test]
#[ignore = "needs PostGIS: run make test"]
fn statement_timeout_ends_queries_but_not_loads() {
    let (work, schema) = mini();
    work.postgis(&Cluster::shared().url, &schema, "statement_timeout_s = 1");
    work.ok(&["run-all"]);
    let slow = "SELECT pg_sleep(30)::text AS x";
    work.fails(
        &["query", "--sql", slow],
        1,
        &["statement timeout", "warehouse.statement_timeout_s"],
    );
}

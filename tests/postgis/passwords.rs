//! Passwords and services from the files of libpq; no message shows a password.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::{Cluster, mini};
use crate::harness::{ProgramOutput, Workspace};

const QUERY: [&str; 5] = ["query", "--sql", "SELECT 1 AS one", "--format", "csv"];

/// Host, port, database and user of the shared cluster.
fn address() -> [String; 4] {
    let url = &Cluster::shared().url;
    let (user, rest) = url.split_once("://").unwrap().1.split_once(':').unwrap();
    let (address, database) = rest.rsplit_once('@').unwrap().1.split_once('/').unwrap();
    let (host, port) = address.split_once(':').unwrap();
    [host, port, database, user].map(str::to_owned)
}

/// A loaded warehouse whose URL has no password, and the folder that stands for the user's home.
fn without_password() -> (Workspace, String) {
    let (work, schema) = mini();
    work.ok(&["run-all"]);
    let cluster = Cluster::shared();
    let url = cluster.url_with(&format!(":{}@", cluster.password()), "@");
    work.postgis(&url, &schema, "");
    let home = work.path("home");
    std::fs::create_dir(&home).unwrap();
    (work, home.to_str().unwrap().to_owned())
}

fn write(path: &Path, text: &str, mode: u32) {
    std::fs::write(path, text).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

fn run(work: &Workspace, args: &[&str], env: &[(&str, &str)]) -> ProgramOutput {
    let mut command = work.command(args);
    let ran = ProgramOutput::of(command.envs(env.iter().copied()).output().unwrap());
    for text in [&ran.stdout, &ran.stderr] {
        assert!(!text.contains(Cluster::shared().password()) && !text.contains("s3cret"), "{text}");
    }
    ran
}

#[test]
#[ignore = "needs PostGIS: run make test"]
fn missing_password_names_the_ways_to_give_one() {
    let (work, home) = without_password();
    let ran = run(&work, &QUERY, &[("HOME", &home)]);
    assert_eq!(ran.status, 1, "{}", ran.stderr);
    for word in
        ["requires a password", "PGPASSWORD", ".pgpass", "0600", ".pg_service.conf", "PGSERVICE"]
    {
        assert!(ran.stderr.contains(word), "{word}: {}", ran.stderr);
    }
    let checked = run(&work, &["check"], &[("HOME", &home)]);
    assert!(checked.stdout.contains("PGPASSWORD"), "{}", checked.stdout);
}

#[test]
#[ignore = "needs PostGIS: run make test"]
fn password_file_is_read_as_libpq_does() {
    let (work, home) = without_password();
    let [host, port, database, user] = address();
    let password = Cluster::shared().password();
    let file = Path::new(&home).join(".pgpass");
    let env = [("HOME", home.as_str())];
    let right = format!(
        "# {host}:{port}:{database}:{user}:s3cret\nelsewhere:*:*:*:s3cret\n{host}:{port}:*:{user}:{password}\n\
         *:*:*:*:s3cret\n"
    );
    write(&file, &right, 0o600);
    let ran = run(&work, &QUERY, &env);
    assert_eq!((ran.stdout.as_str(), ran.stderr.as_str()), ("one\n1\n", ""));
    // a wrong password is reported with its line
    write(&file, &format!("\n*:*:*:{user}:s3cret\n"), 0o600);
    let ran = run(&work, &QUERY, &env);
    let place = format!("{}, line 2", file.display());
    assert!(
        ran.stderr.contains("password authentication") && ran.stderr.contains(&place),
        "{}",
        ran.stderr
    );
    // PGPASSWORD takes precedence
    assert_eq!(run(&work, &QUERY, &[env[0], ("PGPASSWORD", password)]).status, 0);
    // a file that others can read is ignored
    write(&file, &right, 0o644);
    let ran = run(&work, &QUERY, &env);
    assert_eq!(ran.status, 1);
    assert!(
        ran.stderr.contains("is ignored") && ran.stderr.contains("chmod 600"),
        "{}",
        ran.stderr
    );
    // PGPASSFILE and the parameter passfile name another file
    let other = work.path("other.pass");
    write(&other, &right, 0o400);
    let named = other.to_str().unwrap();
    assert_eq!(run(&work, &QUERY, &[env[0], ("PGPASSFILE", named)]).stdout, "one\n1\n");
    let url = format!("postgres://{user}@{host}:{port}/{database}?passfile={named}");
    assert_eq!(run(&work, &QUERY, &[env[0], ("DATABASE_URL", &url)]).stdout, "one\n1\n");
    // a warning where the server needs no password of the file
    let ran = run(
        &work,
        &QUERY,
        &[("HOME", &home), ("DATABASE_URL", &url.replace("other.pass", "home"))],
    );
    assert!(ran.status == 1 && ran.stderr.contains("not a regular file"), "{}", ran.stderr);
}

#[test]
#[ignore = "needs PostGIS: run make test"]
fn service_is_read_from_the_url_and_the_environment() {
    let (work, home) = without_password();
    let [host, port, database, user] = address();
    let password = Cluster::shared().password();
    let file = Path::new(&home).join(".pg_service.conf");
    let service = format!(
        "[other]\nhost=192.0.2.1\n\n[mno]\n# the warehouse\nhost={host}\nport={port}\n\
         dbname={database}\nuser={user}\npassword={password}\napplication_name=of the service\n"
    );
    write(&file, &service, 0o644);
    let name =
        ["query", "--sql", "SELECT current_setting('application_name') AS a", "--format", "csv"];
    for env in [
        vec![("DATABASE_URL", "postgres:///?service=mno")],
        vec![("DATABASE_URL", "postgresql://"), ("PGSERVICE", "mno")],
        // the service takes precedence over the environment
        vec![("DATABASE_URL", "postgres:///?service=mno"), ("PGPORT", "9"), ("PGAPPNAME", "x")],
    ] {
        let env: Vec<_> = env.into_iter().chain([("HOME", home.as_str())]).collect();
        let ran = run(&work, &name, &env);
        assert_eq!((ran.stdout.as_str(), ran.status), ("a\nof the service\n", 0), "{}", ran.stderr);
    }
    let moved = work.path("services");
    std::fs::rename(&file, &moved).unwrap();
    let by_file = [
        ("HOME", home.as_str()),
        ("PGSERVICEFILE", moved.to_str().unwrap()),
        ("DATABASE_URL", "postgres:///?service=mno"),
    ];
    assert_eq!(run(&work, &name, &by_file).status, 0);
    let ran = run(&work, &name, &[by_file[0], by_file[2]]);
    assert!(ran.stderr.contains("no service \"mno\" is defined in"), "{}", ran.stderr);
    assert!(ran.stderr.contains("PGSERVICEFILE"), "{}", ran.stderr);
    for (line, word) in
        [("sslcrl=x", "sslrootcert"), ("hots=x", "did you mean host?"), ("s3cret", "line 2")]
    {
        std::fs::write(&moved, format!("[mno]\n{line}\n")).unwrap();
        let ran = run(&work, &name, &by_file);
        assert!(ran.status == 1 && ran.stderr.contains(word), "{line}: {}", ran.stderr);
        assert!(ran.stderr.contains("services, line 2"), "{line}: {}", ran.stderr);
    }
}

#[test]
#[ignore = "needs PostGIS: run make test"]
fn parameters_that_are_not_supported_are_refused_with_what_to_do() {
    let (work, home) = without_password();
    let cluster = Cluster::shared();
    for (parameter, words) in [
        ("sslcrl=/etc/crl.pem", "revoked"),
        ("gssencmode=require", "Kerberos"),
        ("require_auth=scram-sha-256", "verify-full"),
        ("target_session_attrs=primary", "read-write"),
        ("sslmod=require", "did you mean sslmode?"),
        ("connect_timeout=soon", "connect_timeout"),
        ("sslcert=/nowhere.crt", "sslkey"),
    ] {
        let url = format!("{}?{parameter}", cluster.url);
        let ran = run(&work, &QUERY, &[("HOME", &home), ("DATABASE_URL", &url)]);
        assert!(ran.status == 1 && ran.stderr.contains(words), "{parameter}: {}", ran.stderr);
    }
    let parameters = "target_session_attrs=read-write&connect_timeout=5&keepalives_idle=60\
                      &keepalives_count=3&tcp_user_timeout=1000&gssencmode=prefer&channel_binding=prefer";
    let url = format!("{}?{parameters}", cluster.url);
    let ran = run(&work, &QUERY, &[("HOME", &home), ("DATABASE_URL", &url)]);
    assert_eq!((ran.stdout.as_str(), ran.status), ("one\n1\n", 0), "{}", ran.stderr);
    // a line end, as a file or a command in the shell leaves it
    let ran = run(&work, &QUERY, &[("DATABASE_URL", &format!("{}\r\n", cluster.url))]);
    assert_eq!((ran.stdout.as_str(), ran.status), ("one\n1\n", 0), "{}", ran.stderr);
}

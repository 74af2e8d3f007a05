//! TLS: certificates, their renewal, and tokens that must not be sent in clear.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;

use native_tls::{Certificate, Protocol, TlsConnector};
use openssl::asn1::Asn1Time;
use openssl::ec::{EcGroup, EcKey};
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::PKey;
use openssl::x509::extension::{BasicConstraints, SubjectAlternativeName};
use openssl::x509::{X509, X509NameBuilder};

use super::Server;
use crate::harness::{Workspace, wait_until};

const TOKEN: &str = "0123456789abcdef-token";

/// A self-signed certificate for this machine, and its key, as PEM.
fn certificate() -> (Vec<u8>, Vec<u8>) {
    let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap();
    let key = PKey::from_ec_key(EcKey::generate(&group).unwrap()).unwrap();
    let mut name = X509NameBuilder::new().unwrap();
    name.append_entry_by_text("CN", "mobility").unwrap();
    let name = name.build();
    let mut builder = X509::builder().unwrap();
    builder.set_version(2).unwrap();
    builder.set_subject_name(&name).unwrap();
    builder.set_issuer_name(&name).unwrap();
    builder.set_pubkey(&key).unwrap();
    builder.set_not_before(&Asn1Time::days_from_now(0).unwrap()).unwrap();
    builder.set_not_after(&Asn1Time::days_from_now(1).unwrap()).unwrap();
    builder.append_extension(BasicConstraints::new().ca().build().unwrap()).unwrap();
    let names = SubjectAlternativeName::new()
        .dns("localhost")
        .ip("127.0.0.1")
        .build(&builder.x509v3_context(None, None));
    builder.append_extension(names.unwrap()).unwrap();
    builder.sign(&key, MessageDigest::sha256()).unwrap();
    (builder.build().to_pem().unwrap(), key.private_key_to_pem_pkcs8().unwrap())
}

/// Writes a file and gives it a mode.
fn write(work: &Workspace, name: &str, bytes: &[u8], mode: u32) {
    // in place of the previous file, as tools for certificates do
    work.write("new", bytes);
    std::fs::set_permissions(work.path("new"), std::fs::Permissions::from_mode(mode)).unwrap();
    std::fs::rename(work.path("new"), work.path(name)).unwrap();
}

/// A workspace with a certificate, which is returned, and a config that names it.
fn secured() -> (Workspace, Vec<u8>) {
    let work = Workspace::loaded();
    let (chain, key) = certificate();
    write(&work, "server.crt", &chain, 0o644);
    write(&work, "server.key", &key, 0o600);
    work.config(&format!(
        "[serve]\ntoken = \"{TOKEN}\"\ntls_cert = \"server.crt\"\ntls_key = \"server.key\"\n"
    ));
    (work, chain)
}

/// The response to a request by a client that trusts the certificate and no other.
fn ask(
    server: &Server,
    trusted: &[u8],
    path: &str,
    newest: Option<Protocol>,
) -> Result<String, String> {
    let connector = TlsConnector::builder()
        .disable_built_in_roots(true)
        .add_root_certificate(Certificate::from_pem(trusted).unwrap())
        .min_protocol_version(Some(Protocol::Tlsv10))
        .max_protocol_version(newest)
        .build()
        .map_err(|e| e.to_string())?;
    let stream = TcpStream::connect(server.address()).unwrap();
    let mut stream = connector.connect("localhost", stream).map_err(|e| e.to_string())?;
    let head = format!("Host: localhost\r\nAuthorization: Bearer {TOKEN}\r\nConnection: close");
    write!(stream, "GET {path} HTTP/1.1\r\n{head}\r\n\r\n").map_err(|e| e.to_string())?;
    let mut response = String::new();
    stream.read_to_string(&mut response).map_err(|e| e.to_string())?;
    Ok(response)
}

#[test]
fn server_with_a_certificate_speaks_tls_alone() {
    let (work, chain) = secured();
    let mut server = Server::start(&work);
    assert!(server.url.starts_with("https://127.0.0.1:"), "{}", server.url);
    for newest in [None, Some(Protocol::Tlsv12)] {
        let response = ask(&server, &chain, "/users-per-lau?format=csv", newest).unwrap();
        assert!(response.starts_with("HTTP/1.1 200"), "{response}");
        assert!(response.contains("\r\n\r\nlau_id,lau_name,date"), "{response}");
        assert!(response.contains("x-content-type-options: nosniff"), "{response}");
    }
    ask(&server, &chain, "/health", Some(Protocol::Tlsv11)).unwrap_err();
    let other = certificate().0;
    ask(&server, &other, "/health", None).unwrap_err();
    // a client that speaks plain HTTP gets no answer
    let mut plain = TcpStream::connect(server.address()).unwrap();
    plain.write_all(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    let mut answer = Vec::new();
    let _ = plain.read_to_end(&mut answer);
    assert!(!String::from_utf8_lossy(&answer).contains("HTTP/1.1"), "{answer:?}");
    server.signal("TERM");
    assert_eq!(server.wait(), 0);
}

#[test]
fn renewed_certificate_is_used_without_a_restart() {
    let (work, first) = secured();
    let server = Server::start(&work);
    assert!(ask(&server, &first, "/health", None).is_ok());
    let (second, key) = certificate();
    // until both files are new, the previous certificate stays in use
    write(&work, "server.crt", &second, 0o644);
    assert!(ask(&server, &first, "/health", None).is_ok());
    assert!(server.log().contains("do not belong together"), "{}", server.log());
    write(&work, "server.key", &key, 0o600);
    assert!(ask(&server, &second, "/health", None).is_ok());
    ask(&server, &first, "/health", None).unwrap_err();
    // a key that others can read is not used
    let (third, key) = certificate();
    write(&work, "server.key", &key, 0o640);
    write(&work, "server.crt", &third, 0o644);
    assert!(ask(&server, &second, "/health", None).is_ok());
    assert!(server.log().contains("chmod 600"), "{}", server.log());
    assert!(!server.log().contains("PRIVATE KEY"), "{}", server.log());
    // a signal makes the server read them at once
    std::fs::set_permissions(work.path("server.key"), std::fs::Permissions::from_mode(0o600))
        .unwrap();
    let times = server.log().matches("was read again").count();
    server.signal("HUP");
    wait_until("the certificate is read again", || {
        server.log().matches("was read again").count() > times
    });
    assert!(ask(&server, &third, "/health", None).is_ok());
}

#[test]
fn key_and_certificate_are_checked_at_the_start() {
    let (work, _) = secured();
    let start = ["serve", "--bind", "127.0.0.1:0"];
    for mode in [0o640, 0o604, 0o620, 0o601] {
        let permissions = std::fs::Permissions::from_mode(mode);
        std::fs::set_permissions(work.path("server.key"), permissions).unwrap();
        work.fails(&start, 1, &["serve.tls_key", "server.key", "chmod 600"]);
    }
    write(&work, "server.key", &certificate().1, 0o600);
    work.fails(&start, 1, &["do not belong together", "server.crt", "server.key"]);
    write(&work, "server.key", b"s3cret", 0o600);
    let failed = work.fails(&start, 1, &["serve.tls_key", "PRIVATE KEY"]);
    assert!(!failed.stderr.contains("s3cret"), "{}", failed.stderr);
    write(&work, "server.crt", b"nothing", 0o600);
    work.fails(&start, 1, &["serve.tls_cert", "BEGIN CERTIFICATE"]);
    std::fs::remove_file(work.path("server.crt")).unwrap();
    work.fails(&start, 1, &["serve.tls_cert", "server.crt", "cannot be read"]);
    work.config("[serve]\ntls_cert = \"server.crt\"\n");
    work.fails(&start, 1, &["serve.tls_key is not"]);
}

#[test]
fn token_is_not_accepted_in_clear_from_other_machines() {
    let work = Workspace::loaded();
    work.config(&format!("[serve]\ntoken = \"{TOKEN}\"\n"));
    let words = ["0.0.0.0:0", "serve.tls_cert", "serve.behind_tls_proxy = true"];
    work.fails(&["serve", "--bind", "0.0.0.0:0"], 2, &words);
    work.fails(&["serve", "--bind", "0.0.0.0:0", "--insecure"], 2, &words);
    let proxied = format!("[serve]\ntoken = \"{TOKEN}\"\nbehind_tls_proxy = true\n");
    work.config(&proxied);
    let server = Server::start_with(&work, &["--bind", "0.0.0.0:0"]);
    assert!(server.url.starts_with("http://0.0.0.0:"), "{}", server.url);
    drop(server);
    let (work, chain) = secured();
    let server = Server::start_with(&work, &["--bind", "0.0.0.0:0", "--audience", "analyst"]);
    let response = ask(&server, &chain, "/views", None).unwrap();
    assert!(response.starts_with("HTTP/1.1 200"), "{response}");
    assert!(response.contains("strict-transport-security: max-age="), "{response}");
}

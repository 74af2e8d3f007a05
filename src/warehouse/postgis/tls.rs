//! TLS to the server: `sslmode` and `sslrootcert` as in libpq, but verified by default unless the server
//! runs on this machine.

use std::net::{IpAddr, ToSocketAddrs};
use std::os::unix::fs::MetadataExt;

use anyhow::{Context, Result, bail};
use native_tls::{Certificate, Identity, Protocol, TlsConnector};
use openssl::pkey::PKey;
use openssl::ssl::SslVersion;
use postgres::Config as PgConfig;
use postgres::config::{Host, SslMode};
use postgres_native_tls::MakeTlsConnector;

use super::connector::Connector;
use super::parameters::Parameters;
use super::unverified_tls;

/// The value of `sslrootcert` that stands for the certificates of the operating system.
const SYSTEM_ROOTS: &str = "system";

/// How strictly the certificate of the server is verified.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum CertificateCheck {
    None,
    Authority,
    AuthorityAndHost,
}

/// Sets the mode of the client and returns its connector.
///
/// # Errors
/// An unsupported mode; certificates and keys that cannot be read.
pub fn configure(client: &mut PgConfig, given: &Parameters) -> Result<Connector> {
    let root = given.get("sslrootcert");
    let mode = match given.get("sslmode") {
        Some(mode) => mode,
        None if root != Some(SYSTEM_ROOTS) && is_this_machine(client) => "prefer",
        None => "verify-full",
    };
    let (mode, check) = ssl_mode(mode, root)?;
    client.ssl_mode(mode);
    connector(check, root.filter(|root| *root != SYSTEM_ROOTS), given)
}

/// True if all addresses of the hosts are loopback addresses. The client then connects to the address
/// that was found, whatever the name server says the next time.
fn is_this_machine(client: &mut PgConfig) -> bool {
    if !client.get_hostaddrs().is_empty() {
        return client.get_hostaddrs().iter().all(is_loopback);
    }
    let mut found = None;
    for host in client.get_hosts() {
        let Host::Tcp(name) = host else { continue };
        let Ok(addresses) = (name.as_str(), 0).to_socket_addrs() else { return false };
        let addresses: Vec<IpAddr> = addresses.map(|address| address.ip()).collect();
        if addresses.is_empty() || !addresses.iter().all(is_loopback) {
            return false;
        }
        let is_fixed = name.parse::<IpAddr>().is_ok() || name.eq_ignore_ascii_case("localhost");
        if !is_fixed {
            found = addresses.first().copied();
        }
    }
    match found {
        Some(address) if client.get_hosts().len() == 1 => {
            client.hostaddr(address);
            true
        }
        Some(_) => false,
        None => true,
    }
}

fn is_loopback(address: &IpAddr) -> bool {
    address.to_canonical().is_loopback()
}

/// `require` verifies the certificate only if a root certificate is given.
fn ssl_mode(mode: &str, root: Option<&str>) -> Result<(SslMode, CertificateCheck)> {
    if root == Some(SYSTEM_ROOTS) && mode != "verify-full" {
        bail!("sslmode={mode} cannot be combined with sslrootcert=system; use verify-full");
    }
    Ok(match mode {
        "disable" => (SslMode::Disable, CertificateCheck::None),
        "allow" | "prefer" => (SslMode::Prefer, CertificateCheck::None),
        "require" if root.is_none() => (SslMode::Require, CertificateCheck::None),
        "require" | "verify-ca" => (SslMode::Require, CertificateCheck::Authority),
        "verify-full" => (SslMode::Require, CertificateCheck::AuthorityAndHost),
        other => {
            bail!(
                "unsupported sslmode = {other:?}; use disable, prefer, require, verify-ca or verify-full"
            )
        }
    })
}

fn connector(check: CertificateCheck, root: Option<&str>, given: &Parameters) -> Result<Connector> {
    let oldest = protocol(given, "ssl_min_protocol_version")?.unwrap_or(Protocol::Tlsv12);
    let newest = protocol(given, "ssl_max_protocol_version")?;
    if check == CertificateCheck::None && given.get("sslcert").is_none() {
        let context = unverified_tls::context(version(oldest), newest.map(version));
        return Ok(Connector::Unverified(context.context("TLS")?));
    }
    let mut builder = TlsConnector::builder();
    builder.min_protocol_version(Some(oldest));
    builder.max_protocol_version(newest);
    if let Some(certificate) = given.get("sslcert") {
        builder.identity(identity(certificate, given.get("sslkey"))?);
    }
    builder.danger_accept_invalid_certs(check == CertificateCheck::None);
    builder.danger_accept_invalid_hostnames(check != CertificateCheck::AuthorityAndHost);
    if let Some(path) = root.filter(|_| check != CertificateCheck::None) {
        let pem = std::fs::read(path).with_context(|| format!("sslrootcert {path}"))?;
        let certificates = Certificate::stack_from_pem(&pem)
            .with_context(|| format!("sslrootcert {path} contains no PEM certificate"))?;
        builder.disable_built_in_roots(true);
        for certificate in certificates {
            builder.add_root_certificate(certificate);
        }
    }
    Ok(Connector::Library(MakeTlsConnector::new(builder.build().context("TLS")?)))
}

fn version(protocol: Protocol) -> SslVersion {
    match protocol {
        Protocol::Tlsv13 => SslVersion::TLS1_3,
        _ => SslVersion::TLS1_2,
    }
}

fn protocol(given: &Parameters, name: &str) -> Result<Option<Protocol>> {
    Ok(match given.get(name) {
        None => None,
        Some("TLSv1.2") => Some(Protocol::Tlsv12),
        Some("TLSv1.3") => Some(Protocol::Tlsv13),
        Some(other) => bail!("unsupported {name} = {other:?}; use TLSv1.2 or TLSv1.3"),
    })
}

/// The certificate of the client, with its key.
fn identity(certificate: &str, key: Option<&str>) -> Result<Identity> {
    let Some(key) = key else { bail!("sslcert {certificate} needs sslkey, the file with its key") };
    let chain = std::fs::read(certificate).with_context(|| format!("sslcert {certificate}"))?;
    let metadata = std::fs::metadata(key).with_context(|| format!("sslkey {key}"))?;
    // root may own a key that a group reads
    let (mode, is_of_root) = (metadata.mode() & 0o7777, metadata.uid() == 0);
    if mode & if is_of_root { 0o037 } else { 0o077 } != 0 {
        bail!(
            "sslkey {key} is open to others than its owner (mode {mode:04o}); run `chmod 600 {key}`"
        );
    }
    let pem = std::fs::read(key).with_context(|| format!("sslkey {key}"))?;
    let identity = pkcs8(&pem).ok().and_then(|key| Identity::from_pkcs8(&chain, &key).ok());
    identity.with_context(|| {
        format!(
            "sslcert {certificate} and sslkey {key} cannot be used: expected a certificate in PEM, and its key in \
             PEM without a password, which this command writes: openssl pkcs8 -topk8 -nocrypt -in {key} -out NEW"
        )
    })
}

/// A private key in PKCS #8, which the TLS library reads. Keys are also given in PKCS #1 ("BEGIN RSA PRIVATE
/// KEY") and SEC 1 ("BEGIN EC PRIVATE KEY").
fn pkcs8(pem: &[u8]) -> Result<Vec<u8>, openssl::error::ErrorStack> {
    // without the empty passphrase, OpenSSL would ask for one on the terminal
    PKey::private_key_from_pem_passphrase(pem, b"")?.private_key_to_pem_pkcs8()
}

#[cfg(test)]
mod tests {
    use std::fs::Permissions;
    use std::os::unix::fs::PermissionsExt;

    use openssl::asn1::Asn1Time;
    use openssl::ec::{EcGroup, EcKey};
    use openssl::hash::MessageDigest;
    use openssl::nid::Nid;
    use openssl::pkey::Private;
    use openssl::rsa::Rsa;
    use openssl::symm::Cipher;
    use openssl::x509::X509;

    use super::*;
    use crate::config::PgEnv;

    fn certificate(key: &PKey<Private>) -> Vec<u8> {
        let mut builder = X509::builder().unwrap();
        builder.set_pubkey(key).unwrap();
        builder.set_not_before(&Asn1Time::days_from_now(0).unwrap()).unwrap();
        builder.set_not_after(&Asn1Time::days_from_now(1).unwrap()).unwrap();
        builder.sign(key, MessageDigest::sha256()).unwrap();
        builder.build().to_pem().unwrap()
    }

    /// Reads a certificate and this key as a connection would.
    fn read(key: &PKey<Private>, pem: &[u8]) -> Result<()> {
        let folder = tempfile::tempdir().unwrap();
        let [chain, file] = ["client.crt", "client.key"].map(|name| folder.path().join(name));
        std::fs::write(&chain, certificate(key)).unwrap();
        std::fs::write(&file, pem).unwrap();
        std::fs::set_permissions(&file, Permissions::from_mode(0o600)).unwrap();
        let identity = identity(chain.to_str().unwrap(), file.to_str())?;
        TlsConnector::builder().identity(identity).build().unwrap();
        Ok(())
    }

    #[test]
    fn keys_of_clients_are_read_in_every_form_of_pem() {
        let rsa = Rsa::generate(2048).unwrap();
        let curve = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap();
        let ec = EcKey::generate(&curve).unwrap();
        let pkcs1 = rsa.private_key_to_pem().unwrap();
        let sec1 = ec.private_key_to_pem().unwrap();
        assert!(pkcs1.starts_with(b"-----BEGIN RSA") && sec1.starts_with(b"-----BEGIN EC"));
        let [rsa, ec] = [PKey::from_rsa(rsa).unwrap(), PKey::from_ec_key(ec).unwrap()];
        // `openssl ecparam -genkey` writes the curve before the key
        let with_curve = [
            b"-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n"
                .as_slice(),
            &sec1,
        ];
        let pkcs8 = rsa.private_key_to_pem_pkcs8().unwrap();
        read(&rsa, &pkcs1).unwrap();
        read(&rsa, &pkcs8).unwrap();
        read(&ec, &sec1).unwrap();
        read(&ec, &with_curve.concat()).unwrap();

        let cipher = Cipher::aes_256_cbc();
        let locked = rsa.private_key_to_pem_pkcs8_passphrase(cipher, b"secret").unwrap();
        for pem in [locked.as_slice(), b"not a key"] {
            let error = read(&rsa, pem).unwrap_err().to_string();
            assert!(error.contains("openssl pkcs8 -topk8 -nocrypt -in"), "{error}");
        }
    }

    fn mode(url: &str, mode: Option<&str>) -> SslMode {
        let sign = if url.contains('?') { '&' } else { '?' };
        let mode = mode.map(|mode| format!("{sign}sslmode={mode}")).unwrap_or_default();
        let url = format!("{url}{mode}").parse().unwrap();
        let given = Parameters::collect(&url, &PgEnv::default()).unwrap();
        let mut client: PgConfig = given.of_library().parse().unwrap();
        configure(&mut client, &given).unwrap();
        client.get_ssl_mode()
    }

    #[test]
    fn sslmode_selects_the_certificate_check() {
        let check = |mode: &str, root| ssl_mode(mode, root).unwrap();
        assert_eq!(check("prefer", None), (SslMode::Prefer, CertificateCheck::None));
        assert_eq!(check("require", None).1, CertificateCheck::None);
        assert_eq!(check("require", Some("root.pem")).1, CertificateCheck::Authority);
        assert_eq!(check("verify-full", None).1, CertificateCheck::AuthorityAndHost);
        assert!(ssl_mode("yes", None).unwrap_err().to_string().contains("verify-full"));
        assert!(ssl_mode("require", Some("system")).is_err());
    }

    #[test]
    fn authorities_are_known_wherever_a_certificate_is_verified() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("root.pem");
        let key = PKey::from_rsa(Rsa::generate(2048).unwrap()).unwrap();
        std::fs::write(&root, certificate(&key)).unwrap();
        let root = root.to_str();
        let is_verified = |mode: &str, root: Option<&str>| {
            let root = root.map(|root| format!("&sslrootcert={root}")).unwrap_or_default();
            let url = format!("postgres://me@db.example.org/db?sslmode={mode}{root}");
            let given = Parameters::collect(&url.parse().unwrap(), &PgEnv::default()).unwrap();
            let mut client: PgConfig = given.of_library().parse().unwrap();
            matches!(configure(&mut client, &given).unwrap(), Connector::Library(_))
        };
        for mode in ["verify-full", "verify-ca"] {
            assert!(is_verified(mode, None) && is_verified(mode, root), "{mode}");
        }
        assert!(is_verified("require", root));
        for mode in ["require", "prefer", "allow"] {
            assert!(!is_verified(mode, None), "{mode}");
        }
    }

    #[test]
    fn only_this_machine_is_trusted_without_a_verified_certificate() {
        for here in ["localhost", "127.0.0.1", "127.9.8.7", "[::1]", "%2Frun%2Fpostgresql"] {
            assert_eq!(mode(&format!("postgres://me@{here}/db"), None), SslMode::Prefer, "{here}");
        }
        for other in ["192.0.2.1", "[2001:db8::1]", "localhost,192.0.2.1"] {
            let url = format!("postgres://me@{other}/db");
            assert_eq!(mode(&url, None), SslMode::Require, "{other}");
            assert_eq!(mode(&url, Some("prefer")), SslMode::Prefer, "{other}");
            assert_eq!(mode(&url, Some("disable")), SslMode::Disable, "{other}");
        }
        let tunnel = "postgres://me@db.example.org/db?hostaddr=127.0.0.1";
        assert_eq!(mode(tunnel, None), SslMode::Prefer);
    }
}

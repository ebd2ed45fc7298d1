//! The HTTPS certificate: the operator's files, or one made at the first run and kept.

use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rcgen::{CertificateParams, DnType, KeyPair, PublicKeyData};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// Days a first-run certificate is good for; browsers refuse more than 825 for certificates they are told to trust.
const VALID_DAYS: i64 = 820;

/// A certificate ready to serve.
pub struct Tls {
    /// Accepts TLS connections.
    pub acceptor: TlsAcceptor,
    /// Base64 of the SHA-256 of the public key, for a kiosk browser's flag; first-run certificates only.
    pub spki: Option<String>,
}

/// Loads the operator's files.
pub fn load(certificate: &Path, key: &Path) -> io::Result<Tls> {
    Ok(Tls { acceptor: acceptor(certificate, key)?, spki: None })
}

/// Loads the first-run certificate of this folder, or makes it for these names and addresses.
pub fn first_run(folder: &Path, names: &[String]) -> io::Result<Tls> {
    let (certificate, key) = (folder.join("https-certificate.pem"), folder.join("https-key.pem"));
    if !certificate.exists() || !key.exists() {
        make(&certificate, &key, names)?;
    }
    let pair = KeyPair::from_pem(&fs::read_to_string(&key)?).map_err(io::Error::other)?;
    let digest = ring::digest::digest(&ring::digest::SHA256, &pair.subject_public_key_info());
    Ok(Tls { acceptor: acceptor(&certificate, &key)?, spki: Some(STANDARD.encode(digest)) })
}

fn make(certificate: &Path, key: &Path, names: &[String]) -> io::Result<()> {
    let mut params = CertificateParams::new(names.to_vec()).map_err(io::Error::other)?;
    params.distinguished_name.push(DnType::CommonName, "Tongke");
    let today = time::OffsetDateTime::UNIX_EPOCH + super::clock::since_unix();
    params.not_before = today - time::Duration::days(1);
    params.not_after = today + time::Duration::days(VALID_DAYS);
    let pair = KeyPair::generate().map_err(io::Error::other)?;
    let made = params.self_signed(&pair).map_err(io::Error::other)?;
    write_private(key, &pair.serialize_pem())?;
    fs::write(certificate, made.pem())
}

/// Writes a file only its owner may read.
pub fn write_private(path: &Path, text: &str) -> io::Result<()> {
    use std::io::Write;
    use std::os::unix::fs::OpenOptionsExt;
    let mut file = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

fn acceptor(certificate: &Path, key: &Path) -> io::Result<TlsAcceptor> {
    let chain = CertificateDer::pem_file_iter(certificate)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|e| io::Error::other(format!("{}: {e}", certificate.display())))?;
    let key = PrivateKeyDer::from_pem_file(key).map_err(|e| io::Error::other(format!("{}: {e}", key.display())))?;
    let mut config =
        ServerConfig::builder().with_no_client_auth().with_single_cert(chain, key).map_err(io::Error::other)?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}

//! The HTTP(S) listener: tells ICE-TCP, TLS and plain HTTP apart by the first bytes, and gives slow clients no time.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::ConnectInfo;
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc};
use tower::ServiceExt;
use tracing::{debug, warn};

use super::tcp::{Adopted, adopt, is_ice};
use super::tls::Tls;

/// Headers must be there within this time (slow headers are an old way to hold connections).
const HEADER_LIMIT: Duration = Duration::from_secs(5);
/// The first byte, and the TLS handshake, within this time.
const GREETING_LIMIT: Duration = Duration::from_secs(5);
/// Connections held; at the bound new ones wait in the kernel's queue.
const MAX_CONNECTIONS: usize = 20_000;
/// Longest request head, bytes.
const MAX_HEADERS: usize = 64 * 1024;

/// Serves until the process ends.
pub struct Listener {
    /// The bound socket.
    pub listener: TcpListener,
    /// The whole application.
    pub app: Router,
    /// HTTPS; `None` serves plain HTTP (loopback only, see the settings).
    pub tls: Option<Tls>,
    /// Workers' ends for ICE-TCP connections, by worker.
    pub media: Vec<mpsc::Sender<Adopted>>,
}

struct Shared {
    app: Router,
    tls: Option<Tls>,
    media: Vec<mpsc::Sender<Adopted>>,
}

/// Accepts connections for ever.
pub async fn serve(listener: Listener) {
    let shared = Arc::new(Shared { app: listener.app, tls: listener.tls, media: listener.media });
    let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    loop {
        let Ok(place) = places.clone().acquire_owned().await else { return };
        match listener.listener.accept().await {
            Ok((stream, remote)) => {
                let shared = shared.clone();
                tokio::spawn(async move {
                    if let Err(cause) = greet(&shared, stream, remote).await {
                        debug!(%cause, "a connection ended early");
                    }
                    drop(place);
                });
            }
            Err(cause) => {
                // Usually no file descriptors left: give the others time to end.
                warn!(%cause, "a connection could not be accepted");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

/// Accepts ICE-TCP connections on their own port for ever.
pub async fn serve_ice(listener: TcpListener, media: Vec<mpsc::Sender<Adopted>>) {
    loop {
        if let Ok((stream, _)) = listener.accept().await {
            let media = media.clone();
            tokio::spawn(async move {
                if let Err(cause) = hand_over(stream, &media).await {
                    debug!(%cause, "an ICE-TCP connection ended early");
                }
            });
        }
    }
}

async fn hand_over(stream: TcpStream, media: &[mpsc::Sender<Adopted>]) -> io::Result<()> {
    let adopted = adopt(stream).await?;
    let worker = media.get(usize::from(adopted.worker)).ok_or(io::ErrorKind::NotFound)?;
    worker.send(adopted).await.map_err(|_| io::ErrorKind::BrokenPipe.into())
}

async fn greet(shared: &Shared, stream: TcpStream, remote: SocketAddr) -> io::Result<()> {
    let mut first = [0u8; 4];
    let count = tokio::time::timeout(GREETING_LIMIT, stream.peek(&mut first)).await??;
    if is_ice(first.get(..count).unwrap_or_default()) {
        return hand_over(stream, &shared.media).await;
    }
    stream.set_nodelay(true)?;
    match &shared.tls {
        None => speak(shared, TokioIo::new(stream), remote).await,
        Some(tls) => {
            let stream = tokio::time::timeout(GREETING_LIMIT, tls.acceptor.accept(stream)).await??;
            speak(shared, TokioIo::new(stream), remote).await
        }
    }
}

async fn speak<S>(shared: &Shared, stream: TokioIo<S>, remote: SocketAddr) -> io::Result<()>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let app = shared.app.clone();
    let service = hyper::service::service_fn(move |mut request: hyper::Request<Incoming>| {
        request.extensions_mut().insert(ConnectInfo(remote));
        app.clone().oneshot(request)
    });
    let mut builder = Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(HEADER_LIMIT).max_buf_size(MAX_HEADERS);
    builder.http2().timer(TokioTimer::new()).keep_alive_interval(Some(Duration::from_secs(20)));
    builder.serve_connection_with_upgrades(stream, service).await.map_err(io::Error::other)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use rtc_stun::attributes::ATTR_USERNAME;
    use rtc_stun::message::{BINDING_REQUEST, Message, TransactionId};
    use rtc_stun::textattrs::TextAttribute;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio_rustls::TlsConnector;
    use tokio_rustls::rustls::pki_types::pem::PemObject;
    use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
    use tokio_rustls::rustls::{ClientConfig, RootCertStore};

    use super::*;
    use crate::net::tls;

    /// A binding request to a session of worker 1, framed (RFC 4571).
    fn ice_frame() -> Vec<u8> {
        let mut check = Message::new();
        let username = TextAttribute::new(ATTR_USERNAME, "01abcdef:theirs".to_owned());
        check.build(&[Box::new(TransactionId::new()), Box::new(BINDING_REQUEST), Box::new(username)]).expect("builds");
        let mut frame = (check.raw.len() as u16).to_be_bytes().to_vec();
        frame.extend_from_slice(&check.raw);
        frame
    }

    #[tokio::test]
    async fn the_https_port_takes_media_beside_pages() {
        let folder = tempfile::tempdir().expect("a folder");
        let made = tls::first_run(folder.path(), &["localhost".to_owned()]).expect("a certificate");
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("listens");
        let address = listener.local_addr().expect("an address");
        let (idle, _unused) = mpsc::channel(1);
        let (media, mut adopted) = mpsc::channel(1);
        let app = Router::new().route("/", axum::routing::get(|| async { "page" }));
        let served = tokio::spawn(serve(Listener { listener, app, tls: Some(made), media: vec![idle, media] }));

        let mut camera = TcpStream::connect(address).await.expect("connects");
        camera.write_all(&ice_frame()).await.expect("writes");
        assert_eq!(adopted.recv().await.expect("is handed over").worker, 1);

        let mut roots = RootCertStore::empty();
        let made = CertificateDer::from_pem_file(folder.path().join("https-certificate.pem")).expect("reads");
        roots.add(made).expect("is trusted");
        let config = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
        let stream = TcpStream::connect(address).await.expect("connects");
        let name = ServerName::try_from("localhost").expect("a name");
        let mut page = TlsConnector::from(Arc::new(config)).connect(name, stream).await.expect("shakes hands");
        page.write_all(b"GET / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").await.expect("asks");
        let mut answer = String::new();
        page.read_to_string(&mut answer).await.expect("is answered");
        assert!(answer.starts_with("HTTP/1.1 200 ") && answer.ends_with("page"), "{answer}");
        served.abort();
    }
}

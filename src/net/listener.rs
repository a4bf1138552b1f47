//! Listeners: TCP on several addresses, and a unix socket.

use std::cell::RefCell;
use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use socket2::{Domain, Protocol, SockRef, Socket, TcpKeepalive, Type};
use tokio::net::{TcpListener, UnixListener};
use tokio::task::JoinHandle;

use super::shared::Network;
use super::stream::{split_tcp, split_unix};
use crate::engine::Peer;

/// How long to wait when the process has run out of file descriptors.
const ACCEPT_RETRY: Duration = Duration::from_millis(100);

/// Why a listener could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    /// A TCP address.
    #[error("cannot listen on {address}: {source}")]
    Tcp {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// A unix socket.
    #[error("cannot listen on the unix socket {}: {source}", path.display())]
    Unix {
        /// The path.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// What a listener on TCP is opened with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TcpOptions {
    /// Length of the queue of connections not yet accepted.
    pub backlog: i32,
}

/// The accepting tasks; dropped, they stop and the unix socket's file goes.
#[derive(Debug, Default)]
pub struct Listeners {
    tcp: Vec<TcpDoor>,
    unix: Option<JoinHandle<()>>,
    unix_path: Option<PathBuf>,
}

/// A listening socket that can be closed at once, while its task waits for connections.
#[derive(Debug)]
struct TcpDoor {
    address: SocketAddr,
    listener: Rc<RefCell<Option<TcpListener>>>,
    task: JoinHandle<()>,
}

impl TcpDoor {
    fn open(
        network: &Rc<Network>,
        address: SocketAddr,
        options: TcpOptions,
    ) -> Result<Self, ListenError> {
        let failed = |source| ListenError::Tcp { address, source };
        let listener = open_tcp(address, options.backlog).map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let listener = Rc::new(RefCell::new(Some(listener)));
        let accept = accept_tcp(Rc::clone(network), Rc::clone(&listener));
        Ok(Self { address, listener, task: tokio::task::spawn_local(accept) })
    }
}

impl Drop for TcpDoor {
    fn drop(&mut self) {
        self.listener.borrow_mut().take();
        self.task.abort();
    }
}

impl Listeners {
    /// No listener yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// The bound TCP addresses, with the ports the system picked.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.tcp.iter().map(|door| door.address).collect()
    }

    /// Listens on a TCP address; the one that is bound, with the port the system picked for 0.
    ///
    /// # Errors
    /// The system's.
    pub fn bind_tcp(
        &mut self,
        network: &Rc<Network>,
        address: SocketAddr,
        options: TcpOptions,
    ) -> Result<SocketAddr, ListenError> {
        let door = TcpDoor::open(network, address, options)?;
        let bound = door.address;
        self.tcp.push(door);
        Ok(bound)
    }

    /// Stops listening on TCP addresses, so that others can be bound in their place.
    pub fn close_tcp(&mut self) {
        self.tcp.clear();
    }

    /// Listens on a unix socket; a file left there by a dead server is replaced. `mode` are the
    /// permission bits of the file, if not the system's default.
    pub fn bind_unix(
        &mut self,
        network: &Rc<Network>,
        path: &Path,
        mode: Option<u32>,
    ) -> Result<(), ListenError> {
        let failed = |source| ListenError::Unix { path: path.to_owned(), source };
        match std::fs::remove_file(path) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(failed(e)),
            _ => {}
        }
        let listener = UnixListener::bind(path).map_err(failed)?;
        if let Some(mode) = mode {
            use std::os::unix::fs::PermissionsExt;
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode))
                .map_err(failed)?;
        }
        self.unix_path = Some(path.to_owned());
        let (network, path) = (Rc::clone(network), path.display().to_string());
        self.unix = Some(tokio::task::spawn_local(async move {
            loop {
                match listener.accept().await {
                    Ok((stream, _)) => {
                        let (read, write) = split_unix(stream);
                        let network = Rc::clone(&network);
                        let peer = Peer::Unix(path.clone());
                        tokio::task::spawn_local(super::connection::serve(
                            network, peer, read, write,
                        ));
                    }
                    Err(error) => accept_failed(&error).await,
                }
            }
        }));
        Ok(())
    }

    /// Stops accepting.
    pub fn close(&mut self) {
        self.close_tcp();
        if let Some(task) = self.unix.take() {
            task.abort();
        }
        if let Some(path) = self.unix_path.take() {
            // Nobody can connect to it any more; a leftover is replaced at the next start.
            let _ = std::fs::remove_file(path);
        }
    }
}

impl Drop for Listeners {
    fn drop(&mut self) {
        self.close();
    }
}

fn open_tcp(address: SocketAddr, backlog: i32) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(backlog)?;
    TcpListener::from_std(socket.into())
}

async fn accept_tcp(network: Rc<Network>, listener: Rc<RefCell<Option<TcpListener>>>) {
    loop {
        let accepted = poll_fn(|cx| match &*listener.borrow() {
            Some(listener) => listener.poll_accept(cx).map(Some),
            None => Poll::Ready(None),
        });
        let Some(accepted) = accepted.await else { return };
        match accepted {
            Ok((stream, remote)) => {
                let socket = SockRef::from(&stream);
                let keepalive_s = network.service.keepalive_s();
                let keepalive = TcpKeepalive::new()
                    .with_time(Duration::from_secs(keepalive_s))
                    .with_interval(Duration::from_secs((keepalive_s / 3).max(1)));
                // A peer that has gone already makes these fail; its first read will tell.
                let _ = stream.set_nodelay(true);
                if keepalive_s > 0 {
                    let _ = socket.set_tcp_keepalive(&keepalive);
                }
                let Ok(local) = stream.local_addr() else { continue };
                let (read, write) = split_tcp(stream);
                let network = Rc::clone(&network);
                let peer = Peer::Tcp(remote, local);
                tokio::task::spawn_local(super::connection::serve(network, peer, read, write));
            }
            Err(error) => accept_failed(&error).await,
        }
    }
}

async fn accept_failed(error: &io::Error) {
    tracing::warn!(%error, "cannot accept a connection");
    tokio::time::sleep(ACCEPT_RETRY).await;
}

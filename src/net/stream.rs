//! A TCP or unix stream, split so that the reader's task and the flusher can both hold it.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, ReadBuf};
use tokio::net::{TcpStream, UnixStream, tcp, unix};

use crate::engine::service::Duplex;
use crate::resp::parcel::{PIECES_MAX, Parcel};

/// The reading half.
#[derive(Debug)]
pub enum ReadHalf {
    /// Of a TCP stream.
    Tcp(tcp::OwnedReadHalf),
    /// Of a unix stream.
    Unix(unix::OwnedReadHalf),
}

/// The writing half.
#[derive(Debug)]
pub enum WriteHalf {
    /// Of a TCP stream.
    Tcp(tcp::OwnedWriteHalf),
    /// Of a unix stream.
    Unix(unix::OwnedWriteHalf),
}

/// Splits a TCP stream.
pub fn split_tcp(stream: TcpStream) -> (ReadHalf, WriteHalf) {
    let (read, write) = stream.into_split();
    (ReadHalf::Tcp(read), WriteHalf::Tcp(write))
}

/// Splits a unix stream.
pub fn split_unix(stream: UnixStream) -> (ReadHalf, WriteHalf) {
    let (read, write) = stream.into_split();
    (ReadHalf::Unix(read), WriteHalf::Unix(write))
}

/// Puts the halves of one stream together again; `None` if they are of two.
pub fn reunite(read: ReadHalf, write: WriteHalf) -> Option<Box<dyn Duplex>> {
    match (read, write) {
        (ReadHalf::Tcp(r), WriteHalf::Tcp(w)) => Some(Box::new(r.reunite(w).ok()?)),
        (ReadHalf::Unix(r), WriteHalf::Unix(w)) => Some(Box::new(r.reunite(w).ok()?)),
        _ => None,
    }
}

impl ReadHalf {
    /// Reads what is there into `buf`; nothing read means the peer has closed.
    pub fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self {
            Self::Tcp(half) => Pin::new(half).poll_read(cx, buf),
            Self::Unix(half) => Pin::new(half).poll_read(cx, buf),
        }
    }

    /// Reads what is there into the spare room of `buffer`, which has some; returns the bytes read, none
    /// when the peer has closed.
    pub fn poll_read_behind(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut Vec<u8>,
    ) -> Poll<io::Result<usize>> {
        loop {
            let read = match self {
                Self::Tcp(half) => {
                    ready!(half.as_ref().poll_read_ready(cx))?;
                    half.try_read_buf(buffer)
                }
                Self::Unix(half) => {
                    ready!(half.as_ref().poll_read_ready(cx))?;
                    half.try_read_buf(buffer)
                }
            };
            match read {
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => {}
                other => return Poll::Ready(other),
            }
        }
    }
}

impl WriteHalf {
    /// Writes what the socket takes without waiting; `WouldBlock` when it takes nothing.
    pub fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(half) => half.try_write(bytes),
            Self::Unix(half) => half.try_write(bytes),
        }
    }

    /// Like [`try_write`](Self::try_write) for bytes in pieces.
    pub fn try_write_pieces(&self, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
        match self {
            Self::Tcp(half) => half.try_write_vectored(pieces),
            Self::Unix(half) => half.try_write_vectored(pieces),
        }
    }

    /// Like [`try_write`](Self::try_write) for the first pieces of `parcel`.
    pub fn try_write_parcel(&self, parcel: &Parcel) -> io::Result<usize> {
        let mut pieces = [IoSlice::new(&[]); PIECES_MAX];
        let count = parcel.pieces(&mut pieces);
        self.try_write_pieces(&pieces[..count])
    }

    /// Waits until the socket takes bytes again.
    pub async fn writable(&self) -> io::Result<()> {
        match self {
            Self::Tcp(half) => half.writable().await,
            Self::Unix(half) => half.writable().await,
        }
    }
}

//! The socket to a master: lines, then bytes, with a limit on silence.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream, lookup_host};
use tokio::time::timeout;

use super::handshake::LINE_LEN_MAX;
use super::link::MasterAddress;

/// Bytes read in one go.
const READ_LEN: usize = 256 * 1024;

/// A connection to a master.
#[derive(Debug)]
pub struct Wire {
    stream: TcpStream,
    /// Read and not yet used.
    buffer: Vec<u8>,
    silence_max: Duration,
}

/// What is said of a master that has not been heard of for too long.
pub fn too_silent() -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, "the master is silent ('repl-timeout')")
}

impl Wire {
    /// Connects; `source` is the address to connect from, empty for any.
    pub async fn connect(
        address: &MasterAddress,
        source: &str,
        silence_max: Duration,
    ) -> io::Result<Self> {
        let connect = async {
            let mut last = io::Error::new(io::ErrorKind::NotFound, "the host has no address");
            for remote in lookup_host((address.host.as_str(), address.port)).await? {
                match connect_to(remote, source).await {
                    Ok(stream) => return Ok(stream),
                    Err(error) => last = error,
                }
            }
            Err(last)
        };
        let stream = timeout(silence_max, connect).await.map_err(|_| too_silent())??;
        stream.set_nodelay(true)?;
        Ok(Self { stream, buffer: Vec::new(), silence_max })
    }

    /// Sends all of it.
    pub async fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        timeout(self.silence_max, self.stream.write_all(bytes)).await.map_err(|_| too_silent())?
    }

    /// Reads a line and gives it without its line break. A longer one than any master sends is an
    /// error.
    pub async fn line(&mut self) -> io::Result<Vec<u8>> {
        loop {
            if let Some(end) = self.buffer.iter().position(|&b| b == b'\n') {
                let mut line: Vec<u8> = self.buffer.drain(..=end).collect();
                line.pop();
                if line.last() == Some(&b'\r') {
                    line.pop();
                }
                return Ok(line);
            }
            if self.buffer.len() > LINE_LEN_MAX {
                let text = "the master sends an endless line";
                return Err(io::Error::new(io::ErrorKind::InvalidData, text));
            }
            self.fill().await?;
        }
    }

    /// What was read behind the last line and not used.
    pub fn take_buffer(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.buffer)
    }

    /// Gives bytes back that belong to what comes next.
    pub fn put_back(&mut self, bytes: &[u8]) {
        self.buffer.splice(..0, bytes.iter().copied());
    }

    /// Reads what is there behind `buffer`; the end of the connection is an error.
    pub async fn read_into(&mut self, buffer: &mut Vec<u8>) -> io::Result<usize> {
        if !self.buffer.is_empty() {
            let len = self.buffer.len();
            buffer.append(&mut self.buffer);
            return Ok(len);
        }
        read(&mut self.stream, buffer, self.silence_max).await
    }

    async fn fill(&mut self) -> io::Result<()> {
        read(&mut self.stream, &mut self.buffer, self.silence_max).await.map(drop)
    }
}

async fn read(
    stream: &mut TcpStream,
    buffer: &mut Vec<u8>,
    silence_max: Duration,
) -> io::Result<usize> {
    buffer.reserve(READ_LEN);
    let read = timeout(silence_max, stream.read_buf(buffer)).await.map_err(|_| too_silent())??;
    if read == 0 {
        let text = "the master has closed the connection";
        return Err(io::Error::new(io::ErrorKind::UnexpectedEof, text));
    }
    Ok(read)
}

async fn connect_to(remote: SocketAddr, source: &str) -> io::Result<TcpStream> {
    let socket = if remote.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    if let Ok(source) = source.parse::<IpAddr>() {
        socket.bind(SocketAddr::new(source, 0))?;
    }
    socket.connect(remote).await
}

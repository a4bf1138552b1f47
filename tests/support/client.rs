//! A blocking client: whole replies, or raw bytes.

use std::fmt;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

use super::PATIENCE;

/// A reply.
#[derive(Clone, PartialEq)]
pub enum Value {
    /// `+text`
    Simple(String),
    /// `-text`
    Error(String),
    /// `:number`
    Integer(i64),
    /// A bulk string, or a verbatim one without its format.
    Bulk(Vec<u8>),
    /// A missing value.
    Null,
    /// `*`, `~` and `>`.
    Array(Vec<Value>),
    /// `%`
    Map(Vec<(Value, Value)>),
    /// `#t` and `#f`
    Boolean(bool),
    /// `,text`
    Double(String),
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Simple(text) => write!(f, "+{text}"),
            Self::Error(text) => write!(f, "-{text}"),
            Self::Integer(number) => write!(f, ":{number}"),
            Self::Bulk(bytes) => write!(f, "\"{}\"", bytes.escape_ascii()),
            Self::Null => f.write_str("nil"),
            Self::Array(items) => f.debug_list().entries(items).finish(),
            Self::Map(pairs) => f.debug_map().entries(pairs.iter().map(|(k, v)| (k, v))).finish(),
            Self::Boolean(truth) => write!(f, "#{truth}"),
            Self::Double(text) => write!(f, ",{text}"),
        }
    }
}

impl Value {
    /// The text of a string or status reply.
    pub fn text(&self) -> String {
        match self {
            Self::Simple(text) | Self::Error(text) | Self::Double(text) => text.clone(),
            Self::Bulk(bytes) => String::from_utf8_lossy(bytes).into_owned(),
            other => panic!("not text: {other:?}"),
        }
    }

    /// The number of an integer reply.
    pub fn integer(&self) -> i64 {
        match self {
            Self::Integer(number) => *number,
            other => panic!("not an integer: {other:?}"),
        }
    }

    /// The elements of an array reply.
    pub fn items(&self) -> &[Value] {
        match self {
            Self::Array(items) => items,
            other => panic!("not an array: {other:?}"),
        }
    }

    /// Whether it is `+OK`.
    pub fn is_ok(&self) -> bool {
        matches!(self, Self::Simple(text) if text == "OK")
    }
}

/// A connection.
#[derive(Debug)]
pub struct Client {
    reader: BufReader<TcpStream>,
}

/// Encodes a command.
pub fn encode(args: &[&[u8]]) -> Vec<u8> {
    let mut out = format!("*{}\r\n", args.len()).into_bytes();
    for arg in args {
        out.extend_from_slice(format!("${}\r\n", arg.len()).as_bytes());
        out.extend_from_slice(arg);
        out.extend_from_slice(b"\r\n");
    }
    out
}

impl Client {
    /// Connects to a port of this machine.
    pub fn connect(port: u16) -> io::Result<Self> {
        let stream = TcpStream::connect(("127.0.0.1", port))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        Ok(Self { reader: BufReader::new(stream) })
    }

    /// The port this end of the connection has.
    pub fn local_port(&self) -> u16 {
        self.reader.get_ref().local_addr().expect("an address").port()
    }

    /// Sends bytes as they are.
    pub fn send_raw(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.reader.get_mut().write_all(bytes)
    }

    /// Sends a command and does not wait for its reply.
    pub fn send(&mut self, args: &[&str]) -> io::Result<()> {
        let args: Vec<&[u8]> = args.iter().map(|a| a.as_bytes()).collect();
        self.send_raw(&encode(&args))
    }

    /// Sends a command and gives its reply.
    pub fn try_command(&mut self, args: &[&str]) -> io::Result<Value> {
        self.send(args)?;
        self.read()
    }

    /// Sends a command and gives its reply; a broken connection fails the test.
    pub fn command(&mut self, args: &[&str]) -> Value {
        self.try_command(args).unwrap_or_else(|e| panic!("{args:?}: {e}"))
    }

    /// Sends a command of arbitrary bytes and gives its reply; a broken connection fails the test.
    pub fn command_bytes(&mut self, args: &[&[u8]]) -> Value {
        self.send_raw(&encode(args)).expect("sent");
        self.read().expect("a reply")
    }

    /// A field of INFO.
    pub fn info(&mut self, field: &str) -> String {
        let text = self.command(&["INFO", "everything"]).text();
        let line = text.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
        line.unwrap_or_else(|| panic!("no {field} in INFO:\n{text}")).to_owned()
    }

    /// Whether what was sent last, or a PING after it, is not answered for a moment.
    pub fn is_silent(&mut self) -> bool {
        const MOMENT: Duration = Duration::from_millis(300);
        let timeout = |client: &Self, time| client.reader.get_ref().set_read_timeout(Some(time));
        timeout(self, MOMENT).expect("a timeout");
        let asked = self.send(&["PING"]);
        let is_silent = asked.is_ok() && self.read().is_err();
        timeout(self, PATIENCE).expect("a timeout");
        is_silent
    }

    /// Reads exactly so many bytes.
    pub fn read_bytes(&mut self, len: usize) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; len];
        self.reader.read_exact(&mut bytes)?;
        Ok(bytes)
    }

    /// Reads a line, without its line break.
    pub fn read_line(&mut self) -> io::Result<String> {
        let mut line = Vec::new();
        if self.reader.read_until(b'\n', &mut line)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let text = String::from_utf8_lossy(&line);
        Ok(text.trim_end_matches(['\r', '\n']).to_owned())
    }

    /// Reads one whole reply, its elements included, as it came.
    pub fn read_raw(&mut self) -> io::Result<Vec<u8>> {
        let mut reply = Vec::new();
        let mut missing = 1_u64;
        while missing > 0 {
            missing -= 1;
            let start = reply.len();
            self.reader.read_until(b'\n', &mut reply)?;
            let Some((kind, count)) = reply[start..].split_first() else {
                return Err(io::ErrorKind::UnexpectedEof.into());
            };
            let (kind, count) = (*kind, String::from_utf8_lossy(count).trim().parse::<i64>());
            let count = count.ok().and_then(|count| u64::try_from(count).ok()).unwrap_or(0);
            match kind {
                b'$' | b'=' if !reply[start..].starts_with(b"$-1") => {
                    reply.extend(self.read_bytes(count as usize + 2)?);
                }
                b'*' | b'~' | b'>' => missing += count,
                b'%' => missing += 2 * count,
                // Attributes stand before the reply they belong to.
                b'|' => missing += 2 * count + 1,
                _ => {}
            }
        }
        Ok(reply)
    }

    /// Reads until the other end closes; what came before is returned even if that was no clean end.
    pub fn read_to_end(&mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        // A server that closes with bytes unread resets the connection: that is an end as well.
        let _ = self.reader.read_to_end(&mut bytes);
        bytes
    }

    /// Says that nothing more will be sent.
    pub fn finish_sending(&self) -> io::Result<()> {
        self.reader.get_ref().shutdown(Shutdown::Write)
    }

    /// Reads one reply.
    pub fn read(&mut self) -> io::Result<Value> {
        let line = self.read_line()?;
        let (kind, rest) = line.split_at(1.min(line.len()));
        let number = || rest.parse::<i64>().map_err(|_| io::Error::other(line.clone()));
        Ok(match kind {
            "+" => Value::Simple(rest.to_owned()),
            "-" => Value::Error(rest.to_owned()),
            ":" => Value::Integer(number()?),
            "_" => Value::Null,
            "#" => Value::Boolean(rest == "t"),
            "," => Value::Double(rest.to_owned()),
            "$" | "=" => match usize::try_from(number()?) {
                Ok(len) => {
                    let mut bytes = self.read_bytes(len + 2)?;
                    bytes.truncate(len);
                    Value::Bulk(if kind == "=" { bytes.split_off(4) } else { bytes })
                }
                Err(_) => Value::Null,
            },
            "*" | "~" | ">" => match usize::try_from(number()?) {
                Ok(len) => {
                    let items: io::Result<Vec<Value>> = (0..len).map(|_| self.read()).collect();
                    Value::Array(items?)
                }
                Err(_) => Value::Null,
            },
            "%" => {
                let pairs: io::Result<Vec<_>> =
                    (0..number()?).map(|_| Ok((self.read()?, self.read()?))).collect();
                Value::Map(pairs?)
            }
            _ => return Err(io::Error::other(format!("not a reply: {line}"))),
        })
    }
}

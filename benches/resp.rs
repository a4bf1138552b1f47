//! The request parser and the encoding of replies: what every command pays before and after it runs.

#![expect(clippy::unwrap_used, reason = "a bench that cannot go on fails there")]

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use vellum::resp::encode::push_command;
use vellum::resp::{Batch, ParseLimits, Protocol, Reply, RequestParser};

/// Commands in one buffer of pipelined ones.
const DEPTH: usize = 64;
const VALUE: [u8; 64] = [b'v'; 64];

/// `count` requests, one behind the other.
fn requests(count: usize, request: impl Fn(&mut Vec<u8>, usize)) -> Vec<u8> {
    let mut bytes = Vec::new();
    (0..count).for_each(|number| request(&mut bytes, number));
    bytes
}

fn get(out: &mut Vec<u8>, number: usize) {
    push_command(out, &[b"GET", format!("key:{number:012}").as_bytes()]);
}

fn set(out: &mut Vec<u8>, number: usize) {
    push_command(out, &[b"SET", format!("key:{number:012}").as_bytes(), &VALUE]);
}

fn inline(out: &mut Vec<u8>, number: usize) {
    out.extend_from_slice(format!("GET key:{number:012}\r\n").as_bytes());
}

/// One request of a thousand keys and values.
fn mset(out: &mut Vec<u8>, _: usize) {
    let keys: Vec<String> = (0..1000).map(|number| format!("key:{number:012}")).collect();
    let pairs = keys.iter().flat_map(|key| [key.as_bytes(), &VALUE]);
    push_command(out, &std::iter::once(&b"MSET"[..]).chain(pairs).collect::<Vec<_>>());
}

/// Parses a buffer that arrives in pieces of `piece_len` bytes; returns the arguments seen.
fn parse(parser: &mut RequestParser, batch: &mut Batch, bytes: &[u8], piece_len: usize) -> usize {
    let limits = ParseLimits::default();
    let (mut args, mut end) = (0, 0);
    let mut buffer = Vec::new();
    while end < bytes.len() {
        let start = end;
        end = bytes.len().min(end + piece_len);
        // Whole requests are parsed where they are; the rest of one waits for its next piece.
        let source = if buffer.is_empty() && end == bytes.len() && start == 0 {
            bytes
        } else {
            buffer.extend_from_slice(&bytes[start..end]);
            &buffer[..]
        };
        parser.fill(source, batch, &limits, usize::MAX).unwrap();
        args += (0..batch.len()).map(|index| batch.args(index, source).len()).sum::<usize>();
        let used = parser.discard(batch);
        buffer.drain(..used.min(buffer.len()));
    }
    args
}

fn requests_in(c: &mut Criterion) {
    let mut group = c.benchmark_group("resp/parse");
    let cases = [
        ("GET", 1, requests(1, get)),
        ("SET of 64 bytes", 1, requests(1, set)),
        ("64 GETs", DEPTH, requests(DEPTH, get)),
        ("64 SETs of 64 bytes", DEPTH, requests(DEPTH, set)),
        ("64 inline GETs", DEPTH, requests(DEPTH, inline)),
        ("MSET of 1000 keys", 1, requests(1, mset)),
    ];
    for (name, count, bytes) in &cases {
        group.throughput(Throughput::Elements(*count as u64));
        let (mut parser, mut batch) = (RequestParser::new(), Batch::default());
        group.bench_function(*name, |b| {
            b.iter(|| parse(&mut parser, &mut batch, black_box(bytes), bytes.len()));
        });
    }
    let bytes = requests(1, mset);
    group.throughput(Throughput::Bytes(bytes.len() as u64));
    let (mut parser, mut batch) = (RequestParser::new(), Batch::default());
    group.bench_function("MSET of 1000 keys in pieces of 1460 bytes", |b| {
        b.iter(|| parse(&mut parser, &mut batch, black_box(&bytes), 1460));
    });
    group.finish();
}

fn replies_out(c: &mut Criterion) {
    let mut group = c.benchmark_group("resp/encode");
    group.throughput(Throughput::Elements(DEPTH as u64));
    let mut reply = Reply::new(Protocol::Resp2);
    let mut run = |name: &str, one: &dyn Fn(&mut Reply)| {
        group.bench_function(name, |b| {
            b.iter(|| {
                reply.buffer.clear();
                (0..DEPTH).for_each(|_| one(&mut reply));
                black_box(reply.buffer.len())
            });
        });
    };
    run("64 times OK", &Reply::ok);
    run("64 bulk strings of 64 bytes", &|reply| reply.bulk(black_box(&VALUE)));
    run("64 integers", &|reply| reply.integer(black_box(1_234_567)));
    group.finish();
}

criterion_group!(benches, requests_in, replies_out);
criterion_main!(benches);

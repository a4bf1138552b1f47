//! Commands as canonical RESP: what goes to the log and to peers.

/// Appends a decimal number.
pub fn push_decimal(out: &mut Vec<u8>, number: impl itoa::Integer) {
    out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
}

/// Appends `*<count>\r\n`.
pub fn push_command_header(out: &mut Vec<u8>, arg_count: usize) {
    out.push(b'*');
    push_decimal(out, arg_count);
    out.extend_from_slice(b"\r\n");
}

/// Appends `$<len>\r\n<bytes>\r\n`.
pub fn push_bulk(out: &mut Vec<u8>, bytes: &[u8]) {
    out.push(b'$');
    push_decimal(out, bytes.len());
    out.extend_from_slice(b"\r\n");
    out.extend_from_slice(bytes);
    out.extend_from_slice(b"\r\n");
}

/// Appends a whole command.
pub fn push_command(out: &mut Vec<u8>, args: &[&[u8]]) {
    push_command_header(out, args.len());
    for arg in args {
        push_bulk(out, arg);
    }
}

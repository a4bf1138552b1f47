//! Which arguments of a command are secrets: the slow log and MONITOR show `(redacted)` for them.

use super::config;
use crate::resp::Args;

/// Whether argument `n` (the command's name is 0) is a password, or the value of a directive that is one.
pub fn is_secret(args: &Args<'_>, n: usize) -> bool {
    let is = |index: usize, word: &str| {
        args.get(index).is_some_and(|arg| arg.eq_ignore_ascii_case(word.as_bytes()))
    };
    if n == 0 {
        false
    } else if is(0, "AUTH") {
        true
    } else if is(0, "HELLO") {
        // HELLO version AUTH user password: both words after AUTH.
        is(n - 1, "AUTH") || (n >= 2 && is(n - 2, "AUTH"))
    } else if is(0, "CONFIG") && is(1, "SET") && n >= 3 && n % 2 == 1 {
        let name = args.get(n - 1).and_then(|name| std::str::from_utf8(name).ok());
        name.and_then(config::find).is_some_and(config::Directive::is_secret)
    } else {
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resp::args::OwnedArgs;

    #[test]
    fn passwords_are_found_wherever_they_stand() {
        let cases = [
            ("auth me pass", "011"),
            ("HELLO 3 AUTH me pass SETNAME x", "0001100"),
            ("config set maxmemory 1 requirepass x", "000001"),
            ("config set masterauth x timeout 1", "000100"),
            ("config get requirepass", "000"),
            ("set auth x", "000"),
        ];
        for (line, secret) in cases {
            let owned = OwnedArgs::from_slices(line.split(' ').map(str::as_bytes));
            let args = owned.as_args();
            let found: String =
                (0..args.len()).map(|n| if is_secret(&args, n) { '1' } else { '0' }).collect();
            assert_eq!(found, secret, "{line}");
        }
    }
}

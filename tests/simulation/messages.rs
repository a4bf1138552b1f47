//! Messages and the disk: a listener is told of a change when it is durable, as a reader is.

use vellum::command::{Notify, NotifyClasses, Topic};
use vellum::engine::{InlineSync, Session};

use crate::engine_rig::{Machine, Server, session};

/// What the listener may be sent now.
fn told(server: &mut Server, listener: &mut Session) -> String {
    listener.take_in_mail(server.engine.gate.released());
    String::from_utf8(server.send(listener)).unwrap()
}

fn start() -> (Machine, Server, Session) {
    let mut machine = Machine::new(1);
    machine.inline = InlineSync::Yes;
    let mut server = machine.start(1).unwrap();
    let classes = NotifyClasses::STRING;
    server.engine.settings.notify = Notify { classes, by_key: false, by_event: true };
    let mut listener = session(1);
    server.engine.subscribe(&mut listener, Topic::Pattern, b"*");
    (machine, server, listener)
}

#[test]
fn a_change_is_told_once_it_is_durable() {
    let (_machine, mut server, mut listener) = start();
    let mut writer = session(2);
    for (request, changes) in [
        (&b"SET a 1\r\n"[..], 1),
        (b"MULTI\r\nSET a 2\r\nSET b 2\r\nEXEC\r\n", 2),
        (b"SET a 3\r\nMULTI\r\nGET a\r\nSET a 4\r\nEXEC\r\n", 2),
    ] {
        server.run(&mut writer, request);
        assert_eq!(told(&mut server, &mut listener), "", "{}", request.escape_ascii());
        server.commit();
        let told = told(&mut server, &mut listener);
        assert_eq!(told.matches("__keyevent@0__:set").count(), changes, "{told}");
        assert!(server.send(&mut writer).starts_with(b"+OK"));
    }
}

#[test]
fn a_message_waits_for_changes_only() {
    let (_machine, mut server, mut listener) = start();
    let publish = |server: &mut Server| server.engine.publish(Topic::Channel, b"news", b"hello");
    assert_eq!(publish(&mut server), 1);
    assert!(told(&mut server, &mut listener).contains("hello"));
    // Of what is in the log besides changes nobody has to be sure.
    server.engine.log_stream_command(&[b"PING"]);
    publish(&mut server);
    assert!(told(&mut server, &mut listener).contains("hello"));
    server.run(&mut session(2), b"SET a 1\r\n");
    publish(&mut server);
    assert_eq!(told(&mut server, &mut listener), "");
    server.commit();
    let told = told(&mut server, &mut listener);
    assert!(told.find("set").unwrap() < told.find("hello").unwrap(), "{told}");
}

#[test]
fn a_start_tells_nobody() {
    let (machine, mut server, mut listener) = start();
    server.run(&mut session(2), b"SET a 1\r\n");
    server.engine.log_stream_command(&[b"PUBLISH", b"news", b"hello"]);
    server.run(&mut session(2), b"SET a 2\r\n");
    server.commit();
    assert!(told(&mut server, &mut listener).contains("set"));
    drop(server);
    let mut server = machine.start(2).unwrap();
    assert_eq!(server.value("a").unwrap(), b"2");
    assert!(!server.engine.subscriptions.has_mail());
    // A master's stream is told of, message and change alike.
    let classes = NotifyClasses::STRING;
    server.engine.settings.notify = Notify { classes, by_key: false, by_event: true };
    let mut listener = session(3);
    server.engine.subscribe(&mut listener, Topic::Pattern, b"*");
    server.engine.expect_stream();
    let stream =
        b"*3\r\n$7\r\npublish\r\n$1\r\nc\r\n$1\r\nm\r\n*3\r\n$3\r\nSET\r\n$1\r\na\r\n$1\r\n3\r\n";
    server.engine.store_stream(stream.to_vec(), None);
    server.engine.apply_all_stored().unwrap();
    assert_eq!(told(&mut server, &mut listener), "");
    server.commit();
    let told = told(&mut server, &mut listener);
    assert!(told.contains("$1\r\nc\r\n$1\r\nm\r\n") && told.contains(":set\r\n$1\r\na"), "{told}");
}

//! SUBSCRIBE, PUBLISH and their relatives, PUBSUB.
//!
//! SUBSCRIBE and UNSUBSCRIBE answer with pushes, one for each name, which no `CLIENT REPLY` holds back.

use super::{Call, wrong_subcommand};
use crate::command::Topic;
use crate::engine::Flow;

/// What a change of what a client listens to is called.
fn word(topic: Topic, begins: bool) -> &'static [u8] {
    match (topic, begins) {
        (Topic::Channel, true) => b"subscribe",
        (Topic::Channel, false) => b"unsubscribe",
        (Topic::Pattern, true) => b"psubscribe",
        (Topic::Pattern, false) => b"punsubscribe",
        (Topic::ShardChannel, true) => b"ssubscribe",
        (Topic::ShardChannel, false) => b"sunsubscribe",
    }
}

/// Tells the client what it has begun or ceased to listen to, and to how much it does now. Shard channels
/// are counted for themselves.
fn confirm(call: &mut Call<'_>, topic: Topic, begins: bool, name: Option<&[u8]>) {
    let subscribed = &call.session.subscribed;
    let count = match topic {
        Topic::ShardChannel => subscribed.count(topic),
        Topic::Channel | Topic::Pattern => {
            subscribed.count(Topic::Channel) + subscribed.count(Topic::Pattern)
        }
    };
    let reply = &mut call.session.out.reply;
    let start = reply.buffer.len();
    reply.push(3);
    reply.bulk(word(topic, begins));
    match name {
        Some(name) => reply.bulk(name),
        None => reply.null(),
    }
    reply.integer(count as i64);
    call.session.keep_push(start);
}

/// `SUBSCRIBE channel ...`, `PSUBSCRIBE pattern ...`, `SSUBSCRIBE shardchannel ...`
pub fn subscribe(mut call: Call<'_>, topic: Topic) -> Flow {
    // Redis lets the older two into a transaction for the sake of those who always did it.
    if topic == Topic::ShardChannel && call.engine.is_in_transaction() {
        call.reply().error("ERR SSUBSCRIBE isn't allowed for a DENY BLOCKING client");
        return Flow::Continue;
    }
    for name in call.args.from(1).iter() {
        call.engine.subscribe(call.session, topic, name);
        confirm(&mut call, topic, true, Some(name));
    }
    Flow::Continue
}

/// `UNSUBSCRIBE [channel ...]`, `PUNSUBSCRIBE [pattern ...]`, `SUNSUBSCRIBE [shardchannel ...]`; all of a
/// kind where none is named.
pub fn unsubscribe(mut call: Call<'_>, topic: Topic) -> Flow {
    let named = call.args.from(1);
    for name in named.iter() {
        call.engine.unsubscribe(call.session, topic, name);
        confirm(&mut call, topic, false, Some(name));
    }
    if named.is_empty() {
        let all = call.session.subscribed.names(topic);
        for name in &all {
            call.engine.unsubscribe(call.session, topic, name);
            confirm(&mut call, topic, false, Some(name));
        }
        if all.is_empty() {
            confirm(&mut call, topic, false, None);
        }
    }
    Flow::Continue
}

/// `PUBLISH channel message`, `SPUBLISH shardchannel message`
pub fn publish(mut call: Call<'_>, topic: Topic) -> Flow {
    let receivers = call.engine.publish(topic, &call.args[1], &call.args[2]);
    if call.node.replication.takes_messages(call.engine) {
        call.engine.log_message(call.args);
        call.session.last_write = call.engine.offset();
    }
    call.reply().integer(receivers as i64);
    Flow::Continue
}

/// `PUBSUB CHANNELS [pattern]`, `PUBSUB SHARDCHANNELS [pattern]`
pub fn channels(mut call: Call<'_>, topic: Topic) -> Flow {
    if call.args.len() > 3 {
        let text = wrong_subcommand("PUBSUB", &call.args[1]);
        call.reply().error(text);
        return Flow::Continue;
    }
    let names = call.engine.subscriptions.names(topic, call.args.get(2));
    let reply = &mut call.session.out.reply;
    reply.array(names.len());
    names.iter().for_each(|name| reply.bulk(name));
    Flow::Continue
}

/// `PUBSUB NUMSUB [channel ...]`, `PUBSUB SHARDNUMSUB [shardchannel ...]`
pub fn listener_counts(call: Call<'_>, topic: Topic) -> Flow {
    let named = call.args.from(2);
    let reply = &mut call.session.out.reply;
    reply.array(named.len() * 2);
    for name in named.iter() {
        reply.bulk(name);
        reply.integer(call.engine.subscriptions.listeners(topic, name) as i64);
    }
    Flow::Continue
}

/// `PUBSUB NUMPAT`
pub fn pattern_count(mut call: Call<'_>) -> Flow {
    let count = call.engine.subscriptions.count(Topic::Pattern);
    call.reply().integer(count as i64);
    Flow::Continue
}

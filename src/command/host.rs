//! The commands that need more than keys: the server runs them.

/// What can be listened to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Topic {
    /// A channel.
    Channel,
    /// All channels whose names match a pattern.
    Pattern,
    /// A channel of a space of its own, that patterns do not reach.
    ShardChannel,
}

impl Topic {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Channel, Self::Pattern, Self::ShardChannel];
}

/// A command whose work lies with sessions, configuration, log, snapshots or replicas. The layers
/// above match on it once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum HostCommand {
    /// `AUTH [username] password`
    Auth,
    /// `BGREWRITEAOF`
    BgRewriteAof,
    /// `BGSAVE [SCHEDULE]`
    BgSave,
    /// `CLIENT CACHING YES|NO`
    ClientCaching,
    /// `CLIENT GETNAME`
    ClientGetName,
    /// `CLIENT GETREDIR`
    ClientGetRedir,
    /// `CLIENT ID`
    ClientId,
    /// `CLIENT INFO`
    ClientInfo,
    /// `CLIENT KILL ...`
    ClientKill,
    /// `CLIENT LIST ...`
    ClientList,
    /// `CLIENT NO-EVICT ON|OFF`
    ClientNoEvict,
    /// `CLIENT NO-TOUCH ON|OFF`
    ClientNoTouch,
    /// `CLIENT PAUSE ms [WRITE|ALL]`
    ClientPause,
    /// `CLIENT REPLY ON|OFF|SKIP`
    ClientReply,
    /// `CLIENT SETINFO attribute value`
    ClientSetInfo,
    /// `CLIENT SETNAME name`
    ClientSetName,
    /// `CLIENT TRACKING ON|OFF ...`
    ClientTracking,
    /// `CLIENT TRACKINGINFO`
    ClientTrackingInfo,
    /// `CLIENT UNBLOCK id [TIMEOUT|ERROR]`
    ClientUnblock,
    /// `CLIENT UNPAUSE`
    ClientUnpause,
    /// `CONFIG GET pattern ...`
    ConfigGet,
    /// `CONFIG RESETSTAT`
    ConfigResetStat,
    /// `CONFIG REWRITE`
    ConfigRewrite,
    /// `CONFIG SET name value ...`
    ConfigSet,
    /// `DEBUG subcommand ...`
    Debug,
    /// `DISCARD`
    Discard,
    /// `EXEC`
    Exec,
    /// `HELLO [version ...]`
    Hello,
    /// `INFO [section ...]`
    Info,
    /// `LASTSAVE`
    LastSave,
    /// `LATENCY DOCTOR`
    LatencyDoctor,
    /// `LATENCY GRAPH event`
    LatencyGraph,
    /// `LATENCY HISTOGRAM [command ...]`
    LatencyHistogram,
    /// `LATENCY HISTORY event`
    LatencyHistory,
    /// `LATENCY LATEST`
    LatencyLatest,
    /// `LATENCY RESET [event ...]`
    LatencyReset,
    /// `MEMORY DOCTOR`
    MemoryDoctor,
    /// `MEMORY MALLOC-STATS`
    MemoryMallocStats,
    /// `MEMORY PURGE`
    MemoryPurge,
    /// `MEMORY STATS`
    MemoryStats,
    /// `MONITOR`
    Monitor,
    /// `MULTI`
    Multi,
    /// `PING [message]`: listeners get another reply.
    Ping,
    /// `PSYNC replid offset`
    Psync,
    /// `PUBLISH channel message`, `SPUBLISH shardchannel message`
    Publish(Topic),
    /// `PUBSUB CHANNELS [pattern]`, `PUBSUB SHARDCHANNELS [pattern]`
    PubSubChannels(Topic),
    /// `PUBSUB NUMPAT`
    PubSubNumPat,
    /// `PUBSUB NUMSUB [channel ...]`, `PUBSUB SHARDNUMSUB [shardchannel ...]`
    PubSubNumSub(Topic),
    /// `QUIT`
    Quit,
    /// `REPLCONF name value ...`
    ReplConf,
    /// `REPLICAOF`/`SLAVEOF host port | NO ONE`
    ReplicaOf,
    /// `RESET`
    Reset,
    /// `ROLE`
    Role,
    /// `SAVE`
    Save,
    /// `SELECT index`
    Select,
    /// `SHUTDOWN ...`
    Shutdown,
    /// `SLOWLOG GET [count]`
    SlowlogGet,
    /// `SLOWLOG LEN`
    SlowlogLen,
    /// `SLOWLOG RESET`
    SlowlogReset,
    /// `SUBSCRIBE channel ...`, `PSUBSCRIBE pattern ...`, `SSUBSCRIBE shardchannel ...`
    Subscribe(Topic),
    /// `SYNC`
    Sync,
    /// `TIME`
    Time,
    /// `UNSUBSCRIBE [channel ...]`, `PUNSUBSCRIBE [pattern ...]`, `SUNSUBSCRIBE [shardchannel ...]`
    Unsubscribe(Topic),
    /// `UNWATCH`
    Unwatch,
    /// `WAIT replicas timeout`
    Wait,
    /// `WAITAOF local replicas timeout`
    WaitAof,
    /// `WATCH key ...`
    Watch,
}

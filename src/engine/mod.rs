//! Executes commands, appends their effects to the log and gates the replies.

//! Every storage, and how it is opened.

mod backlog;
mod bus;
mod embedded;
mod file;
mod frozen;
mod lease;
mod local;
mod merged;
mod mongodb;
mod mysql;
mod open;
mod outage;
mod postgres;
mod redis;
mod sealed;
mod server;
mod sqlite;

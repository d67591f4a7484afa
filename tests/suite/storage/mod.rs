//! Every storage, and how it is opened.

mod conformance;
mod file;
mod local;
mod open;
mod redis;

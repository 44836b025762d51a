//! Transactions: one message or several on a session, and their results.

mod breaking;
mod chunking;
mod courier;
mod delivering;
mod extra_replies;
mod sending;

//! Stories: what the engine guarantees, tested on SQLite and on PostgreSQL under a name each.

#[macro_use]
mod stories;

mod environment;
mod template;
mod wait;

mod account_mail;
mod accounts;
mod audit;
mod database;
mod delivery;
mod figures;
mod health;
mod home;
mod keys;
mod outbox;
mod own_relay;
mod policy;
mod reports;
mod second_factor;
mod settings;
mod submission;
mod webhooks;

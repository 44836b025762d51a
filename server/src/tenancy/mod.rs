//! Tests that no account reaches resources of another account over REST, on pages or by forms.

mod account_snapshot;
mod forms;
mod pages;
mod rest;
mod rules;
mod server;
mod tenant;

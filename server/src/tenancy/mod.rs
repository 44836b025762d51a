//! Tests that no account reaches what belongs to another: over REST, on pages and by forms.

mod forms;
mod pages;
mod rest;
mod rules;
mod server;
mod tenant;
mod things;

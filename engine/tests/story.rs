//! Stories: what the engine guarantees, tested on SQLite and on PostgreSQL under a name each.

#[macro_use]
#[path = "story/stories.rs"]
mod stories;

#[path = "story/account_mail.rs"]
mod account_mail;
#[path = "story/accounts.rs"]
mod accounts;
#[path = "story/acting.rs"]
mod acting;
#[path = "story/all_sessions.rs"]
mod all_sessions;
#[path = "story/audit.rs"]
mod audit;
#[path = "story/audit_chain.rs"]
mod audit_chain;
#[path = "story/backup.rs"]
mod backup;
#[path = "story/certificates.rs"]
mod certificates;
#[path = "story/chunking.rs"]
mod chunking;
#[path = "story/confirmation.rs"]
mod confirmation;
#[path = "story/counting.rs"]
mod counting;
#[path = "story/dkim.rs"]
mod dkim;
#[path = "story/envelopes.rs"]
mod envelopes;
#[path = "story/environment.rs"]
mod environment;
#[path = "story/failover.rs"]
mod failover;
#[path = "story/fairness.rs"]
mod fairness;
#[path = "story/feed.rs"]
mod feed;
#[path = "story/figures.rs"]
mod figures;
#[path = "story/figures_year.rs"]
mod figures_year;
#[path = "story/health.rs"]
mod health;
#[path = "story/health_access.rs"]
mod health_access;
#[path = "story/health_mail.rs"]
mod health_mail;
#[path = "story/health_reports.rs"]
mod health_reports;
#[path = "story/history.rs"]
mod history;
#[path = "story/holding.rs"]
mod holding;
#[path = "story/home.rs"]
mod home;
#[path = "story/home_since.rs"]
mod home_since;
#[path = "story/in_doubt.rs"]
mod in_doubt;
#[path = "story/interfaces.rs"]
mod interfaces;
#[path = "story/interruptions.rs"]
mod interruptions;
#[path = "story/key_nodes.rs"]
mod key_nodes;
#[path = "story/key_rotation.rs"]
mod key_rotation;
#[path = "story/keys.rs"]
mod keys;
#[path = "story/lifetime.rs"]
mod lifetime;
#[path = "story/local_leases.rs"]
mod local_leases;
#[path = "story/lockout.rs"]
mod lockout;
#[path = "story/lost_keys.rs"]
mod lost_keys;
#[path = "story/message_webhooks.rs"]
mod message_webhooks;
#[path = "story/migrations.rs"]
mod migrations;
#[path = "story/moving.rs"]
mod moving;
#[path = "story/networks.rs"]
mod networks;
#[path = "story/nodes.rs"]
mod nodes;
#[path = "story/not_begun.rs"]
mod not_begun;
#[path = "story/open_tracking.rs"]
mod open_tracking;
#[path = "story/outage.rs"]
mod outage;
#[path = "story/outbox.rs"]
mod outbox;
#[path = "story/own_relay.rs"]
mod own_relay;
#[path = "story/own_relay_fairness.rs"]
mod own_relay_fairness;
#[path = "story/own_relay_limits.rs"]
mod own_relay_limits;
#[path = "story/passkeys.rs"]
mod passkeys;
#[path = "story/people.rs"]
mod people;
#[path = "story/policy.rs"]
mod policy;
#[path = "story/program_senders.rs"]
mod program_senders;
#[path = "story/readiness.rs"]
mod readiness;
#[path = "story/recent_failures.rs"]
mod recent_failures;
#[path = "story/refusals.rs"]
mod refusals;
#[path = "story/relay_activity.rs"]
mod relay_activity;
#[path = "story/relay_failures.rs"]
mod relay_failures;
#[path = "story/relays.rs"]
mod relays;
#[path = "story/report_never.rs"]
mod report_never;
#[path = "story/report_queue.rs"]
mod report_queue;
#[path = "story/reports.rs"]
mod reports;
#[path = "story/reset_requests.rs"]
mod reset_requests;
#[path = "story/sealing.rs"]
mod sealing;
#[path = "story/searching.rs"]
mod searching;
#[path = "story/second_factor.rs"]
mod second_factor;
#[path = "story/senders.rs"]
mod senders;
#[path = "story/sending_limits.rs"]
mod sending_limits;
#[path = "story/settings.rs"]
mod settings;
#[path = "story/silent_relays.rs"]
mod silent_relays;
#[path = "story/smtp_environment.rs"]
mod smtp_environment;
#[path = "story/submitting.rs"]
mod submitting;
#[path = "story/suppressing.rs"]
mod suppressing;
#[path = "story/template.rs"]
mod template;
#[path = "story/tokens.rs"]
mod tokens;
#[path = "story/transfer.rs"]
mod transfer;
#[path = "story/unanswered.rs"]
mod unanswered;
#[path = "story/wait.rs"]
mod wait;
#[path = "story/webhook_outages.rs"]
mod webhook_outages;
#[path = "story/webhooks.rs"]
mod webhooks;
#[path = "story/wire.rs"]
mod wire;

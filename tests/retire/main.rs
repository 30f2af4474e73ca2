//! The verbs that retire and bring back, as an operator types them: plans, refusals, exit codes,
//! JSON and text.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

#[path = "../support/mod.rs"]
mod support;

mod bad_input;
mod batch;
mod clock;
mod completion;
mod concurrent;
mod doctor;
mod domain_lock;
mod evidence;
mod failures;
mod filters;
mod holds;
mod json;
mod locality;
mod managed_storage;
mod manual;
mod meanwhile;
mod names;
mod order;
mod package;
mod plan;
mod policy_rules;
mod pools;
mod prompts;
mod purge;
mod purge_folders;
mod roundtrip;
mod screens;
mod session;
mod settings;
mod space;
mod states;
mod surroundings;
mod syncs;
mod text;
mod typed;
mod units;
mod ways_out;
mod wipe;

//! The shape of the house. If this fails, a dependency runs the wrong way or a crate of weight has
//! a second importer, and the next change of that crate will have to be made in two places.

#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::{Path, PathBuf};

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// Every source file with its path below `src` and its code, comment lines left out.
fn code() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    sources(&root, &mut found);
    assert!(found.len() > 50, "the sources were not found");
    found
        .into_iter()
        .map(|path| {
            let text = fs::read_to_string(&path).unwrap();
            let code = text
                .lines()
                .filter(|line| !line.trim_start().starts_with("//"))
                .collect::<Vec<_>>()
                .join("\n");
            let name = path.strip_prefix(&root).unwrap().to_string_lossy();
            (name.into_owned(), code)
        })
        .collect()
}

fn mentions(code: &str, path: &str) -> bool {
    code.match_indices(path).any(|(at, _)| {
        !code[..at].ends_with(|before: char| before.is_alphanumeric() || "_:".contains(before))
    })
}

#[test]
fn each_crate_of_weight_has_one_importer() {
    for (krate, home) in [
        ("virt::", "adapters/libvirt/"),
        ("virt_sys::", "adapters/libvirt/"),
        ("sled::", "adapters/sled_journal/"),
        ("bincode::", "journal/"),
        ("roxmltree::", "xml/"),
        ("clap::", "cli/"),
    ] {
        for (name, code) in code() {
            assert!(
                !mentions(&code, krate) || name.starts_with(home),
                "src/{name} uses {krate}; only src/{home} may"
            );
        }
    }
}

#[test]
fn dependencies_run_one_way() {
    // A layer may use those before it, and its own.
    let layers: [(&str, &[&str]); 12] = [
        ("model", &[]),
        ("image", &[]),
        ("xml", &["model"]),
        ("ports", &["model", "journal"]),
        ("planner", &["model"]),
        ("journal", &["model"]),
        ("survey", &["model", "image", "ports", "xml"]),
        ("engine", &["model", "ports", "journal", "xml", "survey"]),
        (
            "retire",
            &[
                "model", "xml", "ports", "planner", "journal", "survey", "engine",
            ],
        ),
        (
            "watch",
            &[
                "model", "ports", "xml", "planner", "survey", "engine", "retire",
            ],
        ),
        (
            "doctor",
            &["model", "ports", "journal", "survey", "engine", "retire"],
        ),
        ("adapters", &["model", "ports", "journal", "xml", "image"]),
    ];
    let all = [
        "model", "image", "xml", "ports", "planner", "journal", "survey", "engine", "adapters",
        "retire", "watch", "doctor", "cli",
    ];
    for (name, code) in code() {
        let Some((layer, allowed)) = layers
            .iter()
            .find(|(layer, _)| name.starts_with(&format!("{layer}/")))
        else {
            continue;
        };
        for other in all.iter().filter(|other| *other != layer) {
            assert!(
                allowed.contains(other) || !code.contains(&format!("crate::{other}::")),
                "src/{name} uses crate::{other}, which {layer} may not"
            );
        }
    }
}

/// A look that could change something would have to be read line by line to be believed: so whoever
/// only looks has traits that only look.
#[test]
fn the_survey_cannot_change_what_it_looks_at() {
    for (name, code) in code() {
        if name.starts_with("survey/") {
            for port in ["Storage", "Hypervisor"] {
                assert!(
                    !names(&code, port),
                    "src/{name} names {port}, and has {port}View"
                );
            }
        }
    }
    let survey = "hypervisor: &'a dyn HypervisorView, storage: &CachedStorage";
    assert!(!names(survey, "Storage") && !names(survey, "Hypervisor"));
    assert!(names("fn walk(storage: &dyn Storage, ", "Storage"));
}

/// "Is it that file?" decides what a rollback overwrites and a purge destroys. Where two places
/// answer it, one of them will be wrong.
#[test]
fn whether_it_is_the_same_file_is_decided_in_one_place() {
    // Of values, of a name, of a descriptor.
    let homes = [
        "model/file.rs",
        "model/watched.rs",
        "ports/whereabouts.rs",
        "adapters/files/sys.rs",
    ];
    for (name, code) in code() {
        assert!(
            homes.contains(&name.as_str()) || !names_call(&code, "is_same_file"),
            "src/{name} compares files by itself; ports::Presence does, and sys::is for a descriptor"
        );
    }
    assert!(names_call("a.is_same_file(&b)", "is_same_file"));
}

fn names_call(code: &str, method: &str) -> bool {
    code.contains(&format!(".{method}("))
}

/// Whether a word stands in the code by itself, and not as a variant of an error
/// (`SurveyError::Storage`, `Storage(#[from] …)`).
fn names(code: &str, word: &str) -> bool {
    let is_part = |character: char| character.is_alphanumeric() || character == '_';
    code.match_indices(word).any(|(at, _)| {
        let (before, after) = (&code[..at], &code[at + word.len()..]);
        !before.ends_with(is_part)
            && !before.ends_with("Error::")
            && !after.starts_with(is_part)
            && !after.starts_with('(')
    })
}

/// A reader of names that reads options that read names: whoever changes one has to hold both in
/// mind.
#[test]
fn no_two_readers_of_images_use_each_other() {
    let code = code();
    let uses = |one: &str, other: &str| {
        let path = format!("image/{one}.rs");
        let own = code.iter().find(|(name, _)| *name == path);
        own.is_some_and(|(_, code)| relative_paths(code).iter().any(|it| is_of(it, other)))
    };
    let readers: Vec<&str> = code
        .iter()
        .filter_map(|(name, _)| name.strip_prefix("image/")?.strip_suffix(".rs"))
        .filter(|name| *name != "mod" && !name.ends_with("_tests"))
        .collect();
    assert!(uses("arguments", "options"), "the readers were not found");
    for one in &readers {
        for other in &readers {
            let is_circle = one < other && uses(one, other) && uses(other, one);
            assert!(
                !is_circle,
                "image/{one}.rs and image/{other}.rs use each other"
            );
        }
    }
}

/// Whether a path begins with `super` and that module.
fn is_of(path: &str, module: &str) -> bool {
    let within = path.strip_prefix("super::");
    within.is_some_and(|rest| rest == module || rest.starts_with(&format!("{module}::")))
}

#[test]
fn only_the_command_line_prints() {
    for (name, code) in code() {
        let prints = ["println!(", "eprintln!(", "print!(", "eprint!("]
            .iter()
            .any(|word| mentions(&code, word));
        assert!(
            !prints || name.starts_with("cli/") || name.contains("test"),
            "src/{name} prints"
        );
    }
}

/// Every path in the code that begins with `super` or has a `verbs` in it, groups in braces taken
/// apart: `use super::{a, b::c};` is `super::a` and `super::b`.
fn relative_paths(code: &str) -> Vec<String> {
    fn read(text: &[u8], mut at: usize, before: &str, found: &mut Vec<String>) -> usize {
        let mut path = before.to_owned();
        loop {
            let from = at;
            while at < text.len() && (text[at].is_ascii_alphanumeric() || text[at] == b'_') {
                at += 1;
            }
            path.push_str(std::str::from_utf8(&text[from..at]).unwrap());
            if !text[at..].starts_with(b"::") {
                found.push(path);
                return at;
            }
            path.push_str("::");
            at += 2;
            if text.get(at) == Some(&b'{') {
                while text.get(at).is_some_and(|byte| b"{,".contains(byte)) {
                    at = read(text, at + 1, &path, found);
                }
                return at + 1;
            }
        }
    }
    let close: String = code.split_whitespace().collect::<Vec<_>>().join("");
    let mut found = Vec::new();
    for start in ["super::", "verbs::"] {
        for (at, _) in close.match_indices(start) {
            if !close[..at].ends_with("super::") {
                read(close.as_bytes(), at, "", &mut found);
            }
        }
    }
    found
}

#[test]
fn no_verb_imports_another() {
    let code = code();
    let verbs: Vec<&str> = code
        .iter()
        .filter_map(|(name, _)| name.strip_prefix("cli/verbs/"))
        .filter_map(|name| name.split(['/', '.']).next())
        .filter(|verb| *verb != "mod")
        .collect();
    assert!(verbs.contains(&"undefine"), "the verbs were not found");
    for (name, code) in &code {
        let Some(within) = name.strip_prefix("cli/verbs/") else {
            continue;
        };
        let own = within.split(['/', '.']).next().unwrap();
        // How many `super` lead to the module of the verbs.
        let up = "super::".repeat(within.matches('/').count() + usize::from(own != "mod"));
        let up = match within.ends_with("/mod.rs") {
            true => "super::".to_owned(),
            false => up,
        };
        for path in relative_paths(code) {
            let sibling = path
                .strip_prefix(up.as_str())
                .filter(|_| own != "mod")
                .or_else(|| path.strip_prefix("verbs::"))
                .and_then(|rest| rest.split("::").next());
            assert!(
                !sibling.is_some_and(|it| it != own && verbs.contains(&it)),
                "src/{name} uses {path}: what verbs share is not in one of them"
            );
        }
    }
    let apply = "use super::super::{plan, x};\nuse super::{a::{b, c}, undefine};";
    assert!(relative_paths(apply).contains(&"super::undefine".to_owned()));
    assert!(relative_paths(apply).contains(&"super::super::plan".to_owned()));
}

/// A verb parses, asks the application, and prints. What it would do by itself with an engine, a
/// survey or an adapter, nobody else could do without typing that command.
#[test]
fn a_verb_asks_the_application() {
    for (name, code) in code() {
        if !name.starts_with("cli/verbs/") {
            continue;
        }
        assert!(
            !code.contains("crate::adapters::"),
            "src/{name} uses an adapter; cli::site gives the application what it needs"
        );
        for tool in ["Engine", "Survey", "World", "SledJournal", "LocalFiles"] {
            assert!(
                !names(&code, tool),
                "src/{name} names {tool}: what it does with it belongs into retire"
            );
        }
    }
    assert!(names("let engine = Engine::new(world, journal);", "Engine"));
}

/// rustfmt leaves comments as they are.
#[test]
fn comments_have_a_hundred_columns() {
    let mut found = Vec::new();
    for folder in ["src", "tests", "fuzz/fuzz_targets", "examples"] {
        sources(
            &Path::new(env!("CARGO_MANIFEST_DIR")).join(folder),
            &mut found,
        );
    }
    for path in found {
        let text = fs::read_to_string(&path).unwrap();
        for (number, line) in text.lines().enumerate() {
            let comment = line.trim_start().strip_prefix("//");
            let Some(comment) = comment.map(|it| it.trim_start_matches(['/', '!'])) else {
                continue;
            };
            // Tables and what is shown as it is cannot be broken.
            let is_whole = comment.starts_with(" |") || comment.starts_with("   ");
            assert!(
                is_whole || line.chars().count() <= 100,
                "{}:{}: {line}",
                path.display(),
                number + 1
            );
        }
    }
}

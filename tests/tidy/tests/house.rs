//! The house rules, asked of this repository: one test a rule. What each rule means and how it can
//! fail stands beside it in `src`.

use tidy::{Complaint, Text, Tree, docs, edges, manifests, proofs, sources, tree, words};

/// Fails with every complaint at once.
fn quiet(complaints: impl IntoIterator<Item = Complaint>) {
    let complaints: Vec<_> = complaints.into_iter().collect();
    assert!(complaints.is_empty(), "{} to mend:\n{}", complaints.len(), complaints.join("\n"));
}

fn rust() -> Vec<Text> {
    let files = Tree::of_repository().ending(".rs");
    assert!(files.len() > 20, "the tree was not found: only {} Rust files", files.len());
    files
}

#[test]
fn arrows_are_those_of_the_architecture() {
    let (members, stated) = edges::stated(&Tree::of_repository());
    quiet(edges::forbidden(&members, &stated));
}

#[test]
fn pure_rooms_name_no_sockets() {
    quiet(edges::impure(&edges::stated(&Tree::of_repository()).1));
}

#[test]
fn every_crate_lives_under_the_lints() {
    let mut found =
        Tree::of_repository().texts(|path| path.ends_with("Cargo.toml") && !path.starts_with("fuzz/"));
    let root =
        found.iter().position(|manifest| manifest.path == "Cargo.toml").expect("the root has a manifest");
    let root = found.remove(root);
    quiet(manifests::lints(&root, &found));
}

#[test]
fn every_file_says_what_it_is_for() {
    quiet(rust().iter().filter_map(sources::head));
}

#[test]
fn no_file_is_too_long() {
    quiet(rust().iter().filter_map(sources::length));
}

#[test]
fn no_test_sleeps() {
    quiet(rust().iter().flat_map(|file| [sources::sleeps(file), sources::test_file_names(file)].concat()));
}

#[test]
fn no_hatch_is_open() {
    quiet(rust().iter().flat_map(sources::hatches));
}

#[test]
fn nothing_is_left_for_later_and_no_machine_is_named() {
    quiet(Tree::of_repository().texts(words::applies).iter().flat_map(words::forbidden));
}

#[test]
fn links_lead_somewhere() {
    let tree = Tree::of_repository();
    quiet(docs::broken_links(&tree.ending(".md"), tree.paths()));
}

#[test]
fn every_room_has_its_page() {
    quiet(docs::rooms_without_readme(Tree::of_repository().paths()));
}

#[test]
fn every_figure_has_its_evidence() {
    let tree = Tree::of_repository();
    quiet(tree.ending(".md").iter().flat_map(|page| docs::figures_without_evidence(page, tree.paths())));
}

#[test]
fn every_control_has_the_test_that_proves_it() {
    let tests = proofs::tests(&rust());
    let pages = Tree::of_repository().texts(|path| path == proofs::CONTROLS);
    assert!(!pages.is_empty(), "{} is gone", proofs::CONTROLS);
    quiet(pages.iter().flat_map(|page| proofs::unproved(page, &tests)));
}

#[test]
fn without_git_the_same_files_are_found() {
    let tree = Tree::of_repository();
    let walked = tree::walk(tree.root());
    quiet(
        tree.paths()
            .iter()
            .filter(|path| !walked.contains(path))
            .map(|path| format!("{path}: not walked to")),
    );
}

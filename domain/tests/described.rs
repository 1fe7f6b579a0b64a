//! What a kind is said to be is what its reader takes: the description and `read` come from one list of members.

use domain::description::{BodyDescription, KindDescription, MemberDescription, MemberShape, ValueType};
use domain::facts::{Fact, kinds};
use serde_json::{Value, json};

/// The pointers at fault in a body; none where it is accepted.
fn faults(kind: &str, body: Value) -> Vec<String> {
    let read = Fact::from_json(kind, body, "").expect("a kind");
    read.err().into_iter().flatten().map(|fault| fault.pointer).collect()
}

/// Each object of a body with its pointer: the body itself, those within, the first of each list.
fn objects<'d>(body: &'d BodyDescription, at: &str, found: &mut Vec<(String, &'d BodyDescription)>) {
    found.push((at.to_owned(), body));
    for member in &body.members {
        match &member.shape {
            MemberShape::Object(inner) => objects(inner, &format!("{at}/{}", member.name), found),
            MemberShape::Objects(inner) => objects(inner, &format!("{at}/{}/0", member.name), found),
            MemberShape::Value(_) | MemberShape::Values { .. } | MemberShape::AnyBody => {}
        }
    }
}

/// The example of a kind with another value at a pointer, whose parents are there; none takes the member out.
fn changed(kind: &KindDescription, pointer: &str, value: Option<Value>) -> Value {
    let mut body = Value::Object(kind.body.example());
    let (parent, name) = pointer.rsplit_once('/').expect("a member");
    let members = body.pointer_mut(parent).and_then(Value::as_object_mut).expect("its object");
    match value {
        Some(value) => drop(members.insert(name.to_owned(), value)),
        None => drop(members.remove(name).expect("a member of the example")),
    }
    body
}

fn every_member(test: impl Fn(&KindDescription, &str, &MemberDescription)) -> usize {
    let (kinds, mut tested) = (Fact::describe(), 0);
    for kind in &kinds {
        let mut found = Vec::new();
        objects(&kind.body, "", &mut found);
        for (at, body) in found {
            for member in &body.members {
                test(kind, &format!("{at}/{}", member.name), member);
                tested += 1;
            }
        }
    }
    tested
}

#[test]
fn every_kind_is_described_once_and_its_example_is_accepted() {
    let described: Vec<&str> = Fact::describe().iter().map(|kind| kind.kind).collect();
    assert_eq!(described, kinds().map(|(_, name)| name).collect::<Vec<_>>());
    for kind in Fact::describe() {
        let example = Value::Object(kind.body.example());
        assert_eq!(faults(kind.kind, example.clone()), Vec::<String>::new(), "{}", kind.kind);
        // It is in canonical form: what is read of it is what was given.
        let read = Fact::from_json(kind.kind, example.clone(), "").expect("a kind").expect("accepted");
        assert_eq!(read.json(), example, "{}", kind.kind);
        let about = &kind.about;
        assert!(
            about.ends_with('.') && !about.starts_with('`') && !about.starts_with("The body"),
            "{about:?}"
        );
    }
}

#[test]
fn what_is_required_is_missed_and_nothing_else_is() {
    let tested = every_member(|kind, pointer, member| {
        let found = faults(kind.kind, changed(kind, pointer, None));
        // What members must be to each other is said in words.
        let by_rule = [
            "lead_staged/lead",
            "user_added/email",
            "user_changed/email",
            "invitation_issued/email",
            "invitation_accepted/email",
            "snapshot_taken/parts",
        ];
        if by_rule.contains(&format!("{}{pointer}", kind.kind).as_str()) {
            return;
        }
        let pointed = if member.is_required { vec![pointer.to_owned()] } else { Vec::new() };
        // The body within a conflict is at fault where its own members are.
        let is_within = matches!(member.shape, MemberShape::AnyBody);
        assert!(found == pointed || (is_within && !found.is_empty()), "{} {pointer}: {found:?}", kind.kind);
    });
    assert!(tested > 200, "only {tested} members");
}

#[test]
fn what_a_value_may_be_is_taken_and_what_it_may_not_be_is_refused() {
    every_member(|kind, pointer, member| {
        let (value, in_list) = match &member.shape {
            MemberShape::Value(value) => (value, false),
            MemberShape::Values { item, .. } => (item, true),
            MemberShape::Object(_) | MemberShape::Objects(_) | MemberShape::AnyBody => {
                let found = faults(kind.kind, changed(kind, pointer, Some(json!(7))));
                assert!(found.iter().any(|at| at == pointer), "{} {pointer}: {found:?}", kind.kind);
                return;
            }
        };
        // Another kind, part or position than that of the example is at fault by other rules.
        let is_bound = ["/kind", "/part", "/parts", "/position"].contains(&pointer);
        let (mut good, mut bad) = (vec![value.example.clone()], vec![json!({"an": "object"})]);
        match &value.value_type {
            ValueType::Text { bytes_max } => {
                if !is_bound && member.name != "number" && !member.name.contains("phone") {
                    good.push("x".repeat(*bytes_max).into());
                }
                bad.extend([json!(7), json!("x".repeat(bytes_max + 1))]);
            }
            ValueType::Formatted { .. } => bad.extend([json!(7), json!("no such thing")]),
            ValueType::Word(words) => {
                good.extend(words.iter().filter(|word| **word != "running").map(|word| json!(word)));
                bad.extend([json!("no such word"), json!(true)]);
            }
            ValueType::Integer { min, max } => {
                if !is_bound {
                    good.extend([json!(min), json!(max)]);
                }
                bad.extend([json!(1.5), json!("1")]);
                bad.extend(min.checked_sub(1).map(|below| json!(below)));
                bad.extend(max.checked_add(1).map(|above| json!(above)));
            }
            ValueType::Boolean => {
                good.push(json!(false));
                bad.extend([json!("true"), json!(1)]);
            }
        }
        let given = |value: Value| if in_list { json!([value]) } else { value };
        let at = if in_list { format!("{pointer}/0") } else { pointer.to_owned() };
        for value in good {
            let found = faults(kind.kind, changed(kind, pointer, Some(given(value.clone()))));
            assert_eq!(found, Vec::<String>::new(), "{} {pointer} takes {value}", kind.kind);
        }
        for value in bad {
            let found = faults(kind.kind, changed(kind, pointer, Some(given(value.clone()))));
            assert!(found.contains(&at), "{} {pointer} refuses {value}: {found:?}", kind.kind);
        }
    });
}

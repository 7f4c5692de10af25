use insta::assert_snapshot;

use super::*;

/// Returns the groups of a network, one a line: channels, units by bundles, who makes and follows.
fn groups(text: &str) -> String {
    let graph: Graph = text.parse().unwrap();
    let channels = Channels::of(&graph);
    let names = |nodes: &[usize]| -> String {
        let names = nodes.iter().map(|idx| graph.nodes()[*idx].name.as_str());
        names.collect::<Vec<_>>().join(" ")
    };
    let lines = channels.groups().iter().enumerate().map(|(idx, group)| {
        let fixed = match group.fixed {
            None => String::new(),
            Some(Fixed::Misaligned(node)) => format!(", misaligned at {}", names(&[node])),
            Some(fixed) => format!(", {fixed:?}").to_lowercase(),
        };
        let followers = match group.followers.is_empty() {
            true => String::new(),
            false => format!(" + {}", names(&group.followers)),
        };
        let width = channels.group_width(idx);
        let (units, bundles) = (group.units, group.bundles.len());
        let makers = names(&group.makers);
        format!("{width} = {units} x {bundles}: {makers}{followers}{fixed}")
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// Returns the segments of a node as `units*places`, bundles as letters in the order of the graph.
fn segments(text: &str, node: &str) -> String {
    let graph: Graph = text.parse().unwrap();
    let channels = Channels::of(&graph);
    let segments = channels.segments(graph.index(node).unwrap()).iter();
    let shown = segments.map(|segment| {
        let units = channels.groups()[channels.group_of(segment.bundle)].units;
        let letter = char::from(b'a' + segment.bundle as u8);
        format!("{letter}:{units}*{}", segment.places)
    });
    shown.collect::<Vec<_>>().join(" ")
}

#[test]
fn a_chain_has_a_group_a_layer() {
    let text = "x = input[3, 8, 8]
        c = conv2d(x, out=4, kernel=3)
        b = batch_norm(c)
        r = relu(b)
        p = max_pool(r, kernel=2)
        f = flatten(p)
        l = linear(f, out=10)
        d = dropout(l, p=0.5)
        k = linear(d, out=5)
        y = output(k)";
    assert_snapshot!(groups(text), @r"
    3 = 3 x 1: , input
    4 = 4 x 1: c + b
    10 = 10 x 1: l
    5 = 5 x 1: k, output
    ");
    assert_eq!(segments(text, "f"), "b:4*9");
}

#[test]
fn what_is_added_is_one_group() {
    let text = "x = input[3, 8, 8]
        stem = conv2d(x, out=8, kernel=3, padding=1)
        a = conv2d(stem, out=8, kernel=3, padding=1)
        n = batch_norm(a)
        s = add(n, stem)
        b = conv2d(s, out=6, kernel=3, stride=2, padding=1)
        c = conv2d(b, out=16, kernel=3, padding=1)
        p = conv2d(s, out=16, kernel=1, stride=2)
        t = add(c, p)
        g = global_avg_pool(t)
        l = linear(g, out=5)
        y = output(l)";
    assert_snapshot!(groups(text), @r"
    3 = 3 x 1: , input
    8 = 8 x 1: stem a + n
    6 = 6 x 1: b
    16 = 16 x 1: c p
    5 = 5 x 1: l, output
    ");
    let fixed = "x = input[4]
        a = linear(x, out=4)
        s = add(x, a)
        b = linear(s, out=2)
        c = linear(s, out=2)
        t = add(b, c)
        y = output(t)";
    assert_snapshot!(groups(fixed), @r"
    4 = 4 x 1: a, input
    2 = 2 x 1: b c, output
    ");
}

#[test]
fn a_depthwise_convolution_follows_its_input() {
    let text = "x = input[3, 8, 8]
        e = conv2d(x, out=4, kernel=1)
        d = conv2d(e, out=8, kernel=3, padding=1, groups=4)
        n = batch_norm(d)
        p = conv2d(n, out=6, kernel=1)
        q = conv2d(p, out=6, kernel=3, groups=6)
        g = global_avg_pool(q)
        y = output(g)";
    assert_snapshot!(groups(text), @r"
    3 = 3 x 1: , input
    4 = 4 x 1: e + d n
    6 = 6 x 1: p + q, output
    ");
    assert_eq!(segments(text, "n"), "b:4*2");
}

#[test]
fn a_convolution_in_groups_reads_and_makes_blocks_of_one_size() {
    let text = "x = input[3, 8, 8]
        a = conv2d(x, out=8, kernel=1)
        g = conv2d(a, out=12, kernel=3, groups=4)
        p = global_avg_pool(g)
        l = linear(p, out=5)
        y = output(l)";
    assert_snapshot!(groups(text), @r"
    3 = 3 x 1: , input
    8 = 2 x 4: a
    12 = 3 x 4: g
    5 = 5 x 1: l, output
    ");
    assert_eq!(segments(text, "a"), "b:2*1 c:2*1 d:2*1 e:2*1");
    // The blocks are cut where the inputs end: 3 and 1, then 3 and 1 of what has 5.
    let concat = "x = input[3, 8, 8]
        a = conv2d(x, out=3, kernel=1)
        b = conv2d(x, out=5, kernel=1)
        c = concat(a, b)
        g = conv2d(c, out=4, kernel=3, groups=2)
        p = global_avg_pool(g)
        l = linear(p, out=5)
        y = output(l)";
    assert_snapshot!(groups(concat), @r"
    3 = 3 x 1: , input
    3 = 3 x 2: a b
    2 = 1 x 2: b
    4 = 2 x 2: g
    5 = 5 x 1: l, output
    ");
    assert_eq!(segments(concat, "c"), "b:3*1 c:1*1 d:3*1 e:1*1");
}

#[test]
fn concatenations_with_other_boundaries_are_cut_until_they_agree() {
    let text = "x = input[4]
        a = linear(x, out=3)
        b = linear(x, out=5)
        c = linear(x, out=6)
        d = linear(x, out=2)
        ab = concat(a, b)
        cd = concat(c, d)
        s = add(ab, cd)
        l = linear(s, out=5)
        y = output(l)";
    assert_snapshot!(groups(text), @r"
    4 = 4 x 1: , input
    3 = 3 x 1: a c
    3 = 3 x 1: b c
    2 = 2 x 1: b d
    5 = 5 x 1: l, output
    ");
    assert_eq!(segments(text, "s"), "b:3*1 c:3*1 d:2*1");
    let crossed = "x = input[4]
        a = linear(x, out=3)
        b = linear(x, out=5)
        ab = concat(a, b)
        ba = concat(b, a)
        s = add(ab, ba)
        l = linear(s, out=5)
        y = output(l)";
    assert_snapshot!(groups(crossed), @r"
    4 = 4 x 1: , input
    3 = 1 x 1: a b
    5 = 5 x 1: l, output
    ");
}

#[test]
fn units_are_as_large_as_what_they_meet() {
    let text = "x = input[4, 2, 2]
        a = conv2d(x, out=6, kernel=1)
        f = flatten(a)
        l = linear(f, out=24)
        s = add(f, l)
        k = linear(s, out=5)
        y = output(k)";
    assert_snapshot!(groups(text), @r"
    4 = 4 x 1: , input
    6 = 6 x 1: a l
    5 = 5 x 1: k, output
    ");
    assert_eq!(segments(text, "l"), "b:6*4");
    // 4 values a channel of one, 6 of the other: both count in 12.
    let both = "x = input[4, 2, 3]
        a = conv2d(x, out=4, kernel=1)
        b = conv2d(x, out=6, kernel=1x2)
        f = flatten(a)
        h = flatten(b)
        s = add(f, h)
        k = linear(s, out=5)
        y = output(k)";
    assert_snapshot!(groups(both), @r"
    4 = 4 x 1: , input
    4 = 2 x 1: a b
    5 = 5 x 1: k, output
    ");
}

#[test]
fn what_would_be_cut_within_a_unit_is_fixed() {
    let text = "x = input[4, 2, 2]
        a = conv2d(x, out=6, kernel=1)
        f = flatten(a)
        l = linear(f, out=9)
        m = linear(f, out=15)
        c = concat(l, m)
        s = add(f, c)
        k = linear(s, out=5)
        y = output(k)";
    assert_snapshot!(groups(text), @r"
    4 = 4 x 1: , input
    6 = 6 x 1: a, misaligned at s
    9 = 9 x 1: l, misaligned at s
    15 = 15 x 1: m, misaligned at s
    5 = 5 x 1: k, output
    ");
}

#[test]
fn says_where_two_layers_were_tied() {
    let text = "x = input[4, 8, 8]
        a = conv2d(x, out=8, kernel=1)
        b = conv2d(a, out=8, kernel=1)
        s = add(a, b)
        d = conv2d(s, out=8, kernel=3, groups=8)
        c = conv2d(d, out=8, kernel=1)
        t = add(d, c)
        g = global_avg_pool(t)
        l = linear(g, out=5)
        y = output(l)";
    let graph: Graph = text.parse().unwrap();
    let channels = Channels::of(&graph);
    let tie = |one: &str, other: &str| {
        let [one, other] = [one, other].map(|name| graph.index(name).unwrap());
        channels
            .tie(one, other)
            .map(|idx| graph.nodes()[idx].name.as_str())
    };
    assert_eq!(tie("a", "b"), Some("s"));
    assert_eq!(tie("d", "b"), Some("d"));
    assert_eq!(tie("a", "c"), Some("t"));
    assert_eq!(tie("a", "l"), None);
}

#[test]
fn the_first_of_a_group_leads() {
    let text = "x = input[4]
        a = linear(x, out=3)
        b = linear(x, out=5)
        ab = concat(a, b)
        l = linear(x, out=8)
        s = add(ab, l)
        k = linear(s, out=5)
        y = output(k)";
    let graph: Graph = text.parse().unwrap();
    let channels = Channels::of(&graph);
    let leads = |names: &[&str]| {
        let layers: Vec<usize> = names
            .iter()
            .map(|name| graph.index(name).unwrap())
            .collect();
        channels.leads(&layers)
    };
    let (a, b, l) = (1, 2, 4);
    assert_eq!(
        leads(&["a", "b", "l", "k"]),
        [
            Lead::Leads,
            Lead::Leads,
            Lead::Follows(vec![a, b]),
            Lead::Fixed
        ]
    );
    assert_eq!(
        leads(&["l", "a", "b"]),
        [Lead::Leads, Lead::Follows(vec![l]), Lead::Follows(vec![l])]
    );
    // Nobody else decides the last five channels.
    assert_eq!(leads(&["a", "l"]), [Lead::Leads, Lead::Shares(a)]);
    assert_eq!(leads(&["b"]), [Lead::Leads]);
}

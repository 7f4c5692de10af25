use crate::jsc;
use crate::locate::Found;
use crate::own;
use crate::table::Table;
use crate::testing::Folder;

fn read(name: &str, text: &str, label: Option<&str>) -> Table {
    let folder = Folder::new();
    let path = folder.write(name, text);
    own::read_found(&Found::File(path), "mine", label).unwrap()
}

/// Returns features, classes and labels as one text.
fn shown(table: &Table) -> String {
    let width = table.feature_names.len();
    let rows = table.rows.features.chunks(width).zip(&table.rows.labels);
    let rows: Vec<String> = rows
        .map(|(row, label)| format!("{row:?} {}", table.class_names[*label as usize]))
        .collect();
    format!(
        "{:?} -> {:?}\n{}",
        table.feature_names,
        table.class_names,
        rows.join("\n")
    )
}

#[test]
fn reads_columns_in_any_order_around_the_label() {
    insta::assert_snapshot!(shown(&read("f.csv", "a,kind,b\n1,dog,2.5\n-3e2,cat,.5\n", Some("kind"))), @r#"
    ["a", "b"] -> ["cat", "dog"]
    [1.0, 2.5] dog
    [-300.0, 0.5] cat
    "#);
}

#[test]
fn reads_semicolons_tabs_quotes_and_windows_lines() {
    let expected = read("f.csv", "a,b,class\n1,2,x y\n3,4,z\n", None);
    for text in [
        "a;b;class\r\n1;2;x y\r\n3;4;z\r\n",
        "a\tb\tclass\n1\t2\tx y\n3\t4\tz",
        "\u{feff}\"a\",\"b\" , class\n1,2,\"x y\"\n\n3,4,z\n",
    ] {
        assert_eq!(read("f.csv", text, None), expected, "{text}");
    }
}

#[test]
fn sorts_classes_as_numbers_if_all_are() {
    let classes = |text| read("f.csv", text, None).class_names;
    assert_eq!(classes("a,y\n1,10\n1,9\n1,2\n"), ["2", "9", "10"]);
    assert_eq!(classes("a,y\n1,10\n1,b9\n1,2\n"), ["10", "2", "b9"]);
}

#[test]
fn takes_the_only_column_whose_name_tells_that_it_is_the_label() {
    for label in ["class", "Class", "LABEL", "target", "y"] {
        let table = read("f.csv", &format!("{label},a\nu,1\nv,2\n"), None);
        assert_eq!(table.feature_names, ["a"]);
    }
}

#[test]
fn reads_a_header_of_numbers_if_the_label_is_one_of_them() {
    let table = read("f.csv", "0,1\n5,u\n6,v\n", Some("1"));
    assert_eq!(table.feature_names, ["0"]);
}

#[test]
fn reads_arff_with_quoted_names_comments_and_nominal_classes() {
    let text = "% a comment\n@RELATION 'my data'\n\n@attribute 'mass (GeV)' REAL\n\
                @attribute n INTEGER\n@attribute class {'b c', a}\n\
                @DATA\n% another\n1.5,2,a\n 3 , 4 , 'b c'\n";
    insta::assert_snapshot!(shown(&read("f.arff", text, None)), @r#"
    ["mass (GeV)", "n"] -> ["b c", "a"]
    [1.5, 2.0] a
    [3.0, 4.0] b c
    "#);
}

#[test]
fn reads_escaped_quotes_in_arff() {
    let text = "@relation r\n@attribute 'it\\'s' numeric\n@attribute class {\"x,y\",z}\n@data\n1,\"x,y\"\n2,z\n";
    insta::assert_snapshot!(shown(&read("f.arff", text, None)), @r#"
    ["it's"] -> ["x,y", "z"]
    [1.0] x,y
    [2.0] z
    "#);
}

/// Jets with feature `i` of row `r` being `100 r + i`, columns in the given order.
fn jets(columns: &[(String, usize)], classes: &[&str]) -> String {
    let names: Vec<&str> = columns.iter().map(|(name, _)| name.as_str()).collect();
    let mut text = names.join(",") + "\n";
    for (row, class) in classes.iter().enumerate() {
        let fields: Vec<String> = columns
            .iter()
            .map(|(name, index)| match *index {
                16 => (*class).to_owned(),
                17 => u8::from(name.ends_with(&format!("_{class}"))).to_string(),
                index => (100 * row + index).to_string(),
            })
            .collect();
        text += &(fields.join(",") + "\n");
    }
    text
}

const CLASSES: [&str; 5] = ["t", "z", "g", "w", "q"];

fn check_jets(table: &Table) {
    assert_eq!(table.class_names, ["g", "q", "t", "w", "z"]);
    assert_eq!(table.feature_names[0], "zlogz");
    assert_eq!(table.feature_names[15], "multiplicity");
    assert_eq!(table.rows.labels, [2, 4, 0, 3, 1]);
    for (row, features) in table.rows.features.chunks(16).enumerate() {
        let expected: Vec<f32> = (0..16).map(|index| (100 * row + index) as f32).collect();
        assert_eq!(features, expected);
    }
}

#[test]
fn maps_jets_by_name_in_both_spellings() {
    let folder = Folder::new();
    let openml = || {
        crate::jets_sim::FEATURES
            .iter()
            .map(|name| (*name).to_owned())
            .zip(0..16)
    };
    let mut columns: Vec<(String, usize)> = openml().collect();
    columns.reverse();
    columns.insert(3, ("class".to_owned(), 16));
    let path = folder.write("openml.csv", jets(&columns, &CLASSES));
    check_jets(&jsc::read(&path).unwrap());

    let mut columns: Vec<(String, usize)> = openml()
        .map(|(name, index)| (format!("j_{name}"), index))
        .collect();
    columns.rotate_left(5);
    columns.insert(0, ("j_pt".to_owned(), 3));
    for class in CLASSES {
        columns.insert(2, (format!("j_{class}"), 17));
    }
    let path = folder.write("cernbox.csv", jets(&columns, &CLASSES));
    check_jets(&jsc::read(&path).unwrap());
}

#[test]
fn reads_the_openml_file_of_jets() {
    let folder = Folder::new();
    let mut text = "@RELATION hls4ml_lhc_jets_hlf\n\n".to_owned();
    for name in crate::jets_sim::FEATURES {
        text += &format!("@ATTRIBUTE {name} REAL\n");
    }
    text += "@ATTRIBUTE class {g, q, w, z, t}\n\n@DATA\n";
    let columns: Vec<(String, usize)> = (0..17).map(|index| (String::new(), index)).collect();
    let rows = jets(&columns, &CLASSES);
    text += rows.split_once('\n').unwrap().1;
    check_jets(&jsc::read(&folder.write("jets.arff", text)).unwrap());
}

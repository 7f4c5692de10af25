use crate::LoadError;
use crate::jsc;
use crate::locate::Found;
use crate::own;
use crate::testing::Folder;

/// Returns what a user reads about each of these files.
fn messages(name: &str, cases: &[(&str, &str)]) -> String {
    let folder = Folder::new();
    let show = |(what, text): &(&str, &str)| {
        let path = folder.write(name, text);
        let error = own::read_found(&Found::File(path), "mine", None).unwrap_err();
        format!("# {what}\n{}", folder.message(&error))
    };
    cases.iter().map(show).collect::<Vec<_>>().join("\n")
}

#[test]
fn says_what_is_wrong_with_the_columns_of_a_csv_file() {
    let cases = [
        ("empty file", ""),
        ("only empty lines", "\n\n"),
        ("no rows", "a,class\n"),
        ("no header", "1,2,3\n4,5,6\n"),
        ("unnamed column", ",a,class\n0,1,x\n"),
        ("unnamed last column", "a,class,\n1,x,\n"),
        ("duplicate column", "a,b,a,class\n1,2,3,x\n"),
        ("no label column", "a,b\n1,2\n"),
        ("two label columns", "a,y,target\n1,2,3\n"),
        ("no features", "class\nx\ny\n"),
    ];
    insta::assert_snapshot!(messages("f.csv", &cases), @r#"
    # empty file
    error: `f.csv` is empty
    # only empty lines
    error: `f.csv` is empty
    # no rows
    error: `f.csv` has no rows
    # no header
    error: `f.csv`, line 1: expected the names of the columns, found only numbers
    hint: add a first line that names each column
    # unnamed column
    error: `f.csv`, line 1: column 1 has no name
    hint: if it numbers the rows, leave it out (in pandas: `to_csv(file, index=False)`)
    # unnamed last column
    error: `f.csv`, line 1: column 3 has no name
    # duplicate column
    error: `f.csv`, line 1: two columns are named `a`
    # no label column
    error: `f.csv`: which column has the classes is not said
    hint: say which with `label = "NAME"` under `[dataset]`; the columns are `a`, `b`
    # two label columns
    error: `f.csv`: which column has the classes is not said
    hint: say which with `label = "NAME"` under `[dataset]`; the columns are `a`, `y`, `target`
    # no features
    error: `f.csv` has no column of features
    "#);
}

#[test]
fn says_what_is_wrong_with_a_row_of_a_csv_file() {
    let cases = [
        ("short row", "a,b,class\n1,2,x\n1,y\n"),
        ("long row", "a,b,class\n1,2,x\n\n1,2,3,y\n"),
        ("no number", "a,b,class\n1,2,x\n1,abc,y\n"),
        (
            "a long value",
            &format!("a,class\n{},x\n", "long".repeat(20)),
        ),
        ("decimal comma", "a;class\n1,5;x\n"),
        ("no value", "a,b,class\n1,,x\n"),
        ("missing value", "a,b,class\n1,?,x\n"),
        ("NaN", "a,class\nNaN,x\n"),
        ("infinity", "a,class\n-inf,x\n"),
        ("too large for 32 bits", "a,class\n1e39,x\n"),
        ("no class", "a,class\n1,x\n2,\n"),
        ("one class", "a,class\n1,x\n2,x\n"),
    ];
    insta::assert_snapshot!(messages("f.csv", &cases), @r"
    # short row
    error: `f.csv`, line 3: expected 3 values, found 2
    # long row
    error: `f.csv`, line 3: expected 3 values, found 4
    # no number
    error: `f.csv`, line 3, column `b`: `abc` is not a number
    # a long value
    error: `f.csv`, line 2, column `a`: `longlonglonglonglonglonglonglonglonglong...` is not a number
    # decimal comma
    error: `f.csv`, line 2, column `a`: `1,5` is not a number
    hint: write decimals with a point, not a comma
    # no value
    error: `f.csv`, line 2, column `b`: no value
    hint: leave the row out or fill the value in
    # missing value
    error: `f.csv`, line 2, column `b`: no value
    hint: leave the row out or fill the value in
    # NaN
    error: `f.csv`, line 2, column `a`: `NaN` is not a finite 32-bit number
    # infinity
    error: `f.csv`, line 2, column `a`: `-inf` is not a finite 32-bit number
    # too large for 32 bits
    error: `f.csv`, line 2, column `a`: `1e39` is not a finite 32-bit number
    # no class
    error: `f.csv`, line 3, column `class`: no value
    hint: leave the row out or fill the value in
    # one class
    error: `f.csv` has only one class, `x`
    hint: classification needs two classes; is it the right `label`?
    ");
}

#[test]
fn says_what_is_wrong_with_an_arff_file() {
    let head = "@relation r\n@attribute a real\n@attribute class {x,y}\n@data\n";
    let with_head = |rows: &str| format!("{head}{rows}");
    let cases = [
        ("empty file", ""),
        ("cut off", "@relation r\n@attribute a real\n"),
        ("no attributes", "@relation r\n@data\n1,2\n"),
        ("no keyword", "@relation r\na,class\n"),
        ("no type", "@relation r\n@attribute a\n"),
        ("open brace", "@relation r\n@attribute class {x,\ny}\n"),
        ("open quote", "@relation r\n@attribute 'a real\n"),
        ("duplicate", "@attribute a real\n@attribute a real\n@data\n"),
        (
            "nominal feature",
            "@attribute a {u,v}\n@attribute class {x,y}\n@data\nu,x\n",
        ),
        (
            "date feature",
            "@attribute a date yyyy\n@attribute class {x,y}\n@data\nu,x\n",
        ),
        ("no rows", head),
        ("sparse", &with_head("{0 1, 1 x}\n")),
        ("short row", &with_head("1,x\n2\n")),
        ("cut off in a row", &with_head("1,x\n2,'y")),
        ("missing value", &with_head("?,x\n")),
        ("no number", &with_head("1,x\nb,y\n")),
        ("unknown class", &with_head("1,x\n2,yy\n")),
        ("class without rows", &with_head("1,x\n2,x\n")),
    ];
    insta::assert_snapshot!(messages("f.arff", &cases), @r"
    # empty file
    error: `f.arff` is empty
    # cut off
    error: `f.arff` is cut off: it ends before `@data`
    hint: download or copy it again
    # no attributes
    error: `f.arff`, line 2: `@data` before any `@attribute`
    # no keyword
    error: `f.arff`, line 2: expected `@relation`, `@attribute NAME TYPE` or `@data`
    # no type
    error: `f.arff`, line 2: an attribute needs a name and a type
    # open brace
    error: `f.arff`, line 2: the values of a nominal attribute must end in `}` on the same line
    # open quote
    error: `f.arff`, line 2: a quote is not closed
    # duplicate
    error: `f.arff`, line 2: two columns are named `a`
    # nominal feature
    error: `f.arff`, line 1: column `a` is nominal, features must be numeric
    hint: write categories as numbers, one column of 0 and 1 for each, or leave them out
    # date feature
    error: `f.arff`, line 1: column `a` is of type `date yyyy`, features must be numeric
    hint: write categories as numbers, one column of 0 and 1 for each, or leave them out
    # no rows
    error: `f.arff` has no rows
    # sparse
    error: `f.arff`, line 5: a sparse row, `{...}`; only dense rows are read
    # short row
    error: `f.arff`, line 6: expected 2 values, found 1
    # cut off in a row
    error: `f.arff`, line 6: a quote is not closed
    # missing value
    error: `f.arff`, line 5, column `a`: no value
    hint: leave the row out or fill the value in
    # no number
    error: `f.arff`, line 6, column `a`: `b` is not a number
    # unknown class
    error: `f.arff`, line 6, column `class`: unknown class `yy`
    hint: the classes are `x`, `y`
    # class without rows
    error: `f.arff` has no row of class `y`
    hint: a class needs rows: take a larger file, or leave it out where it is declared
    ");
}

#[test]
fn says_where_a_file_is_not_text() {
    let folder = Folder::new();
    for name in ["f.csv", "f.arff"] {
        let head = if name == "f.csv" {
            "a,class\n"
        } else {
            "@attribute a real\n@attribute class {x,y}\n@data\n"
        };
        let path = folder.write(name, [head.as_bytes(), b"1,\xff\n"].concat());
        let error = own::read_found(&Found::File(path), "mine", None).unwrap_err();
        let line = head.lines().count() as u64 + 1;
        assert!(
            matches!(&error, LoadError::Syntax { line: at, what, .. } if *at == line && what == "not UTF-8 text"),
            "{error:?}"
        );
    }
}

#[test]
fn names_the_nearest_column_and_class_of_wrong_jets() {
    let folder = Folder::new();
    let features = crate::jets_sim::FEATURES.join(",");
    let row = "1,".repeat(16);
    let cern = |name: &&str| format!("j_{name}");
    let prefixed: Vec<String> = crate::jets_sim::FEATURES.iter().map(cern).collect();
    let prefixed = prefixed.join(",");
    let cases = [
        (
            "misspelt",
            format!("{},class\n{row}g\n", features.replace("zlogz", "zlogs")),
        ),
        (
            "missing",
            format!(
                "{},class\n{row}g\n",
                features.replace(",multiplicity", ",a")
            ),
        ),
        ("extra", format!("{features},pt,class\n{row}1,g\n")),
        ("no class", format!("{features}\n{row}\n")),
        ("unknown class", format!("{features},class\n{row}higgs\n")),
        ("class in capitals", format!("{features},class\n{row}G\n")),
        (
            "no one-hot class",
            format!("{prefixed},j_g,j_q,j_w,j_z\n{row}1,0,0,0\n"),
        ),
        (
            "two classes",
            format!("{prefixed},j_g,j_q,j_w,j_z,j_t\n{row}1,0,0,0,1\n"),
        ),
        (
            "no class in a row",
            format!("{prefixed},j_g,j_q,j_w,j_z,j_t\n{row}0,0,0,0,0\n"),
        ),
        (
            "half a class",
            format!("{prefixed},j_g,j_q,j_w,j_z,j_t\n{row}0.5,0,0,0,0.5\n"),
        ),
        (
            "class without rows",
            format!("{features},class\n{row}g\n{row}q\n{row}t\n{row}w\n"),
        ),
    ];
    let show = |(what, text): &(&str, String)| {
        let path = folder.write("jets.csv", text);
        format!(
            "# {what}\n{}",
            folder.message(&jsc::read(&path).unwrap_err())
        )
    };
    let text: Vec<String> = cases.iter().map(show).collect();
    insta::assert_snapshot!(text.join("\n"), @r"
    # misspelt
    error: `jets.csv` has no column `zlogz`
    hint: the nearest that it has is `zlogs`
    # missing
    error: `jets.csv` has no column `multiplicity`
    hint: it has `a`
    # extra
    error: `jets.csv` has a column `pt`, which `jsc` does not have
    hint: remove it from the file
    # no class
    error: `jets.csv` has no column `class`
    # unknown class
    error: `jets.csv`, line 2, column `class`: unknown class `higgs`
    hint: the classes are `g`, `q`, `t`, `w`, `z`
    # class in capitals
    error: `jets.csv`, line 2, column `class`: unknown class `G`
    hint: did you mean `g`? the classes are `g`, `q`, `t`, `w`, `z`
    # no one-hot class
    error: `jets.csv` has no column `j_t`
    # two classes
    error: `jets.csv`, line 2, column `j_g, j_q, j_w, j_z, j_t`: expected one class, found 2
    # no class in a row
    error: `jets.csv`, line 2, column `j_g, j_q, j_w, j_z, j_t`: expected one class, found none
    # half a class
    error: `jets.csv`, line 2, column `j_g`: expected one class, found `0.5` where 0 or 1 should be
    # class without rows
    error: `jets.csv` has no row of class `z`
    hint: a class needs rows: take a larger file, or leave it out where it is declared
    ");
}

#[test]
fn suggests_the_column_that_was_meant_as_label() {
    let folder = Folder::new();
    let path = folder.write("f.csv", "a,b,species\n1,2,x\n");
    let error = own::read_found(&Found::File(path), "mine", Some("specie")).unwrap_err();
    insta::assert_snapshot!(folder.message(&error), @r"
    error: `f.csv` has no column `specie`
    hint: the nearest that it has is `species`
    ");
}

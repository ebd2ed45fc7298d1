//! Import and export of the timetable.

use crate::calendar::planned;
use crate::district::{Asker, District};
use axum::body::Body;
use axum::http::{Method, StatusCode};
use serde_json::{Value, json};
use std::io::Write;

async fn send(who: &Asker<'_>, path: &str, bytes: impl Into<Body>) -> crate::district::Reply {
    who.send(Method::POST, path, &[("content-type", "application/octet-stream")], bytes).await
}

/// The bytes of a file answer.
async fn download(d: &District, who: &Asker<'_>, path: &str) -> Vec<u8> {
    use tower::ServiceExt;
    let (name, value) = who.credential.clone().unwrap();
    let request = axum::http::Request::get(path).header("host", "tongke.example").header(name, value);
    let response = d.app.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    axum::body::to_bytes(response.into_body(), 1 << 24).await.unwrap().to_vec()
}

const SCHOOLS: &str = "学校,类型,学区\n北小,城区,G\n南小,村小,G\n";

#[tokio::test]
async fn a_dry_run_tells_and_a_commit_writes_all_or_nothing() {
    let d = District::new().await;
    let made = planned(&d).await;
    let root = d.sign_in("root").await;
    let path = |sheet: &str, commit: bool| {
        format!("/api/import?term={}&sheet={sheet}&commit={commit}", made.term.as_str().unwrap())
    };
    let dry = send(&root, &path("schools", false), SCHOOLS).await.body;
    assert_eq!((&dry["schools"], &dry["committed"], &dry["faults"]), (&json!(2), &json!(false), &json!([])));
    assert_eq!(send(&root, &path("schools", true), SCHOOLS).await.body["committed"], true);
    // The same again, now in GBK.
    let gbk = [&b"\xd1\xa7\xd0\xa3,\xc0\xe0\xd0\xcd,\xd1\xa7\xc7\xf8\n"[..], b"\xb1\xb1\xd0\xa1,\xb3\xc7\xc7\xf8,G\n"]
        .concat();
    let again = send(&root, &path("schools", true), gbk).await.body;
    assert_eq!((&again["schools"], &again["known"]), (&json!(0), &json!(1)), "{again}");

    let rooms = "school,name,kind,class\n北小,录播,master,\n南小,多媒体,interactive,三(1)\n中小,x,master,\n南小,,terminal,\n南小,y,stage,\n";
    let wrong = send(&root, &path("rooms", true), rooms).await.body;
    assert_eq!(wrong["committed"], false);
    let places: Vec<_> = wrong["faults"]
        .as_array()
        .unwrap()
        .iter()
        .map(|f| (f["row"].as_u64().unwrap(), f["column"].as_str().unwrap(), f["code"].as_str().unwrap()))
        .collect();
    assert_eq!(places, [(4, "school", "unknown"), (5, "name", "missing"), (6, "kind", "not_a_word")]);
    assert_eq!(root.get("/api/rooms?q=录播").await.body["total"], 0, "nothing half written");
    let mended = "school,name,kind,class\n北小,录播,master,\n南小,多媒体,interactive,三(1)\n";
    assert_eq!(send(&root, &path("rooms", true), mended).await.body["rooms"], 2);
    let teachers = "school,name,user\n北小,李老师,li\n";
    assert_eq!(send(&root, &path("teachers", true), teachers).await.body["teachers"], 1);
    // North has no bells yet, so its lessons clash with that; a row is told once.
    let timetable = "subject,grade,teacher,school,room,class,rural,weekday,period,weeks\n英语,五年级,li,北小,录播,,南小/多媒体,周三,2,单\n";
    let clash = send(&root, &path("timetable", true), timetable).await.body;
    assert_eq!((&clash["faults"][0]["code"], &clash["faults"][0]["row"]), (&json!("clash"), &json!(2)), "{clash}");
    assert!(clash["faults"][0]["message"].as_str().unwrap().starts_with("no_such_period on 2026-09-02"));
}

#[tokio::test]
async fn what_is_exported_is_known_when_it_is_imported() {
    let d = District::new().await;
    let made = planned(&d).await;
    let root = d.sign_in("root").await;
    let term = made.term.as_str().unwrap();
    let workbook = download(&d, &root, &format!("/api/export?term={term}")).await;
    let report = send(&root, &format!("/api/import?term={term}&commit=true"), workbook.clone()).await.body;
    // 5 schools, 5 rooms, 2 teachers, 1 entry.
    assert_eq!((&report["faults"], &report["known"]), (&json!([]), &json!(13)), "{report}");
    for new in ["schools", "rooms", "teachers", "classes", "pairings", "entries"] {
        assert_eq!(report[new], 0, "{new}");
    }
    assert_eq!(download(&d, &root, &format!("/api/export?term={term}")).await, workbook, "identity");
    let template = download(&d, &root, "/api/import/template").await;
    assert_eq!(send(&root, &format!("/api/import?term={term}"), template).await.body["faults"], json!([]));
}

/// A workbook whose only sheet is this XML.
fn hostile(sheet: &str) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let parts = [
        ("[Content_Types].xml", r#"<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"/>"#),
        (
            "_rels/.rels",
            r#"<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument" Target="xl/workbook.xml"/></Relationships>"#,
        ),
        (
            "xl/workbook.xml",
            r#"<workbook xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main" xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"><sheets><sheet name="schools" sheetId="1" r:id="rId1"/></sheets></workbook>"#,
        ),
        (
            "xl/_rels/workbook.xml.rels",
            r#"<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/worksheet" Target="worksheets/sheet1.xml"/></Relationships>"#,
        ),
        ("xl/worksheets/sheet1.xml", sheet),
    ];
    for (name, text) in parts {
        zip.start_file(name, zip::write::SimpleFileOptions::default()).unwrap();
        zip.write_all(text.as_bytes()).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

fn cells(inside: &str) -> Vec<u8> {
    hostile(&format!(
        r#"<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>{inside}</sheetData></worksheet>"#
    ))
}

#[tokio::test]
async fn hostile_files_are_refused_with_a_reason() {
    let d = District::new().await;
    let made = planned(&d).await;
    let root = d.sign_in("root").await;
    let path = format!("/api/import?term={}", made.term.as_str().unwrap());
    let text = |at: &str, text: &str| format!(r#"<c r="{at}" t="inlineStr"><is><t>{text}</t></is></c>"#);
    let heading = format!(r#"<row r="1">{}{}{}</row>"#, text("A1", "name"), text("B1", "kind"), text("C1", "group"));
    let why = |body: &Value| body["error"]["fields"]["file"].as_str().unwrap_or_default().to_owned();
    // A bomb: 80 MiB of blanks in some kilobytes.
    let bomb = send(&root, &path, hostile(&" ".repeat(80 << 20))).await;
    assert_eq!(
        (bomb.status, why(&bomb.body).as_str()),
        (StatusCode::UNPROCESSABLE_ENTITY, "unpacks to more than 64 MiB")
    );
    // One cell a million rows down and ten thousand columns to the right.
    let far = send(&root, &path, cells(&format!(r#"{heading}<row r="1048576">{}</row>"#, text("A1048576", "x")))).await;
    assert!(why(&far.body).contains("row 1048576"), "{}", far.text);
    let wide = send(&root, &path, cells(&format!(r#"{heading}<row r="2">{}</row>"#, text("XFD2", "x")))).await;
    assert_eq!(
        (wide.status, &wide.body["faults"]),
        (StatusCode::OK, &json!([])),
        "what is right of the columns is not read"
    );
    // A formula counts with the result that is stored beside it; entities are not expanded.
    let formula = r#"<row r="2"><c r="A2" t="str"><f>HYPERLINK("x")</f><v>=1+1</v></c><c r="B2" t="inlineStr"><is><t>urban</t></is></c></row>"#;
    let formula = send(&root, &path, cells(&format!("{heading}{formula}"))).await;
    assert_eq!(formula.body["schools"], 1, "{}", formula.text);
    let headless = send(&root, &path, cells(r#"<row r="1"><c r="A1"><v>46000</v></c></row>"#)).await;
    assert!(why(&headless.body).contains("no column name"), "{}", headless.text);
    for garbage in [&b""[..], b"PK\x03\x04 not a zip", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", b"name,kind\n"] {
        let status = send(&root, &path, garbage.to_vec()).await.status;
        assert!([StatusCode::UNPROCESSABLE_ENTITY, StatusCode::BAD_REQUEST].contains(&status), "{garbage:?}: {status}");
    }
    let large = send(&root, &path, vec![b'x'; (16 << 20) + 1]).await;
    assert_eq!(large.status, StatusCode::PAYLOAD_TOO_LARGE);
    let long = format!("name,kind,group\n{}", "a,urban,\n".repeat(100_001));
    assert!(why(&send(&root, &format!("{path}&sheet=schools"), long).await.body).contains("100000 rows"));
}

/// What spreadsheets do to tables: cells that are merged, and a span of weeks that became a date.
#[tokio::test]
async fn what_a_spreadsheet_made_of_a_table_is_told_with_its_place() {
    let d = District::new().await;
    let made = planned(&d).await;
    let root = d.sign_in("root").await;
    let path = format!("/api/import?term={}&commit=true", made.term.as_str().unwrap());
    let faults = |body: &Value| -> Vec<(u64, String, String)> {
        let text = |f: &Value, key: &str| f[key].as_str().unwrap().to_owned();
        let all = body["faults"].as_array().unwrap_or_else(|| panic!("{body}"));
        all.iter().map(|f| (f["row"].as_u64().unwrap(), text(f, "column"), text(f, "code"))).collect()
    };
    // Only the first of merged cells has what is written there.
    let cell = |at: &str, text: &str| format!(r#"<c r="{at}" t="inlineStr"><is><t>{text}</t></is></c>"#);
    let heading = format!(r#"<row r="1">{}{}{}</row>"#, cell("A1", "name"), cell("B1", "kind"), cell("C1", "group"));
    let rows = format!(
        r#"<row r="2">{}{}</row><row r="3">{}</row>"#,
        cell("A2", "North"),
        cell("B2", "urban"),
        cell("B3", "village")
    );
    let merged = hostile(&format!(
        r#"<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>{heading}{rows}</sheetData><mergeCells count="1"><mergeCell ref="A2:A3"/></mergeCells></worksheet>"#
    ));
    let merged = send(&root, &path, merged).await.body;
    assert_eq!(faults(&merged), [(3, "name".to_owned(), "missing".to_owned())], "{merged}");
    assert_eq!(root.get("/api/schools?q=North").await.body["total"], 0, "nothing half written");
    // 1-8 became the eighth of January, as a text, as a serial number and as Excel shows it.
    for date in ["2026-01-08", "46030", "1月8日"] {
        let timetable = format!(
            "subject,grade,teacher,school,room,class,rural,weekday,period,weeks\nMusic,3,wang,City,Studio,,Village 0/Room 0,二,2,{date}\n"
        );
        let told = send(&root, &format!("{path}&sheet=timetable"), timetable).await.body;
        let weeks = faults(&told).into_iter().find(|(_, column, _)| column == "weeks");
        assert_eq!(weeks.map(|(row, _, code)| (row, code)), Some((2, "not_a_word".to_owned())), "{date}: {told}");
    }
}

#[tokio::test]
async fn ten_thousand_rows_are_looked_through() {
    let d = District::new().await;
    let made = planned(&d).await;
    let root = d.sign_in("root").await;
    let mut rows = String::from("name,kind,group\n");
    for n in 0..10_000 {
        rows.push_str(&format!("学校{n},village,G{}\n", n / 20));
    }
    let path = format!("/api/import?term={}&sheet=schools", made.term.as_str().unwrap());
    assert_eq!(send(&root, &path, rows).await.body["schools"], 10_000);
}

/// Who has a school fills its sheets; new schools, and pairings with other schools, are the region's.
#[tokio::test]
async fn a_school_imports_for_itself_and_is_told_whose_the_rest_is() {
    let d = District::new().await;
    let made = planned(&d).await;
    let (root, head) = (d.sign_in("root").await, d.sign_in("head").await);
    let term = made.term.as_str().unwrap();
    let path = |sheet: &str| format!("/api/import?term={term}&sheet={sheet}&commit=true");
    let codes = |body: &Value| -> Vec<(String, String)> {
        let text = |f: &Value, key: &str| f[key].as_str().unwrap().to_owned();
        let all = body["faults"].as_array().unwrap_or_else(|| panic!("{body}"));
        all.iter().map(|f| (text(f, "column"), text(f, "code"))).collect()
    };
    let not_yours = |column: &str| vec![(column.to_owned(), "not_yours".to_owned())];
    let teachers = "school,name,user\nCity,Li,li\n";
    assert_eq!(send(&head, &path("teachers"), teachers).await.body["teachers"], 1);
    let foreign = send(&head, &path("teachers"), "school,name,user\nForeign,Li,li2\nCity,Mo,mo\n").await.body;
    assert_eq!((codes(&foreign), &foreign["committed"]), (not_yours("school"), &json!(false)));
    assert!(foreign["faults"][0]["message"].as_str().unwrap().contains("the region's administrator"));
    assert_eq!(head.get("/api/people?q=Mo").await.body["total"], 0, "nothing half written");
    let school = send(&head, &path("schools"), "name,kind,group\nNew,urban,\n").await.body;
    assert_eq!(codes(&school), not_yours("name"));
    // Its own line of a pairing that is there; not one with a new pairing, and not one that another school teaches.
    let heading = "subject,grade,teacher,school,room,class,rural,weekday,period,weeks\n";
    let rural = "Village 0/Room 0; Village 1/Room 1; Village 2/Room 2";
    let line = |subject: &str, day: u8| format!("{heading}{subject},3,wang,City,Studio,,{rural},{day},2,all\n");
    assert_eq!(send(&head, &path("timetable"), line("Music", 4)).await.body["entries"], 1);
    assert_eq!(codes(&send(&head, &path("timetable"), line("Art", 5)).await.body), not_yours("rural"));
    let foreign = d.sign_in("foreign-head").await;
    assert_eq!(codes(&send(&foreign, &path("timetable"), line("Music", 5)).await.body), not_yours("school"));
    assert_eq!(send(&root, &path("timetable"), line("Art", 5)).await.body["pairings"], 1);
    // An export has what is one's own, and is known when it comes back.
    for (who, known) in [(&foreign, 3), (&head, 7)] {
        let workbook = download(&d, who, &format!("/api/export?term={term}")).await;
        let report = send(who, &format!("/api/import?term={term}&commit=true"), workbook).await.body;
        assert_eq!((&report["faults"], &report["known"], &report["entries"]), (&json!([]), &json!(known), &json!(0)));
    }
}

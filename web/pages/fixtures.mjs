//! The district of the pictures, in both languages: names are data, so each language has its own.

const DAY = Date.parse('2026-11-26T00:00:00+08:00');
export const at = (clock) => {
  const [h, m, s = 0] = clock.split(':').map(Number);
  return DAY + ((h * 60 + m) * 60 + s) * 1000;
};

const names = {
  zh: {
    urban: '实验小学', v1: '东沟村小学', v2: '西岭村小学', v3: '南坡教学点',
    r1: '三（1）班教室', r2: '三（2）班教室', r3: '综合教室', c1: '三（1）班', c2: '三（2）班', c3: '复式班',
    master: '主讲教室 1', teacher: '王雅琴', music: '音乐', english: '英语', art: '美术', chinese: '语文', science: '科学',
    title: '第 5 课 欢快的节奏', unit: '第二单元', grade: '三年级', admin: '李建国', admin2: '赵敏', hint: '欢快的节奏',
    slide: ['欢快的节奏', '跟着拍手：强、弱、弱'], board: '第 5 课 节奏',
    titles: ['第 5 课 欢快的节奏', 'Unit 4 My home', '第 7 课 色彩的对比', '第 12 课 古诗两首', '第 3 课 空气占据空间', '第 4 课 二拍子', 'Unit 3 Food', '第 6 课 剪纸'],
    grade4: '四年级', grade5: '五年级', teacher2: '陈思远', teacher3: '林美华',
  },
  en: {
    urban: 'Central School', v1: 'Donggou School', v2: 'Xiling School', v3: 'Nanpo Point',
    r1: 'Room 3-1', r2: 'Room 3-2', r3: 'Common room', c1: 'Class 3-1', c2: 'Class 3-2', c3: 'Mixed class',
    master: 'Master room 1', teacher: 'Wang Yaqin', music: 'Music', english: 'English', art: 'Art', chinese: 'Chinese', science: 'Science',
    title: 'Lesson 5 A merry rhythm', unit: 'Unit 2', grade: 'Grade 3', admin: 'Li Jianguo', admin2: 'Zhao Min', hint: 'A merry rhythm',
    slide: ['A merry rhythm', 'Clap along: strong, soft, soft'], board: 'Lesson 5  Rhythm',
    titles: ['Lesson 5 A merry rhythm', 'Unit 4 My home', 'Lesson 7 Contrast of colours', 'Lesson 12 Two old poems', 'Lesson 3 Air takes up space', 'Lesson 4 Two-four time', 'Unit 3 Food', 'Lesson 6 Paper cutting'],
    grade4: 'Grade 4', grade5: 'Grade 5', teacher2: 'Chen Siyuan', teacher3: 'Lin Meihua',
  },
};

export function district(lang) {
  const w = names[lang];
  const school = (id, name) => ({ id, name });
  const urban = school('s0', w.urban);
  const villages = [school('s1', w.v1), school('s2', w.v2), school('s3', w.v3)];
  const rooms = [
    { seat: 'seat1', room: { id: 'r1', name: w.r1 }, school: villages[0], class: w.c1, kind: 'interactive' },
    { seat: 'seat2', room: { id: 'r2', name: w.r2 }, school: villages[1], class: w.c2, kind: 'interactive' },
    { seat: 'seat3', room: { id: 'r3', name: w.r3 }, school: villages[2], class: w.c3, kind: 'terminal' },
  ];
  const teacher = { id: 'p1', name: w.teacher };
  const lesson = (over = {}) => ({
    id: 'l1', title: w.title, subject: w.music, grade: w.grade, unit: w.unit,
    starts_ms: at('10:20'), ends_ms: at('11:00'), admits_ms: at('10:15'), state: 'planned',
    teacher, master: { room: { id: 'm1', name: w.master }, school: urban }, rooms, ...over,
  });
  const table = (over) => [
    lesson({ id: 'l0', subject: w.english, title: w.titles[1], starts_ms: at('08:10'), ends_ms: at('08:50'), admits_ms: at('08:05'), state: 'archived', recording: 'rec0' }),
    lesson(over),
    lesson({ id: 'l2', subject: w.art, title: w.titles[2], starts_ms: at('14:30'), ends_ms: at('15:10'), admits_ms: at('14:25'), state: 'planned' }),
  ];
  const seat = (i, over = {}) => ({
    seat: rooms[i].seat, room: rooms[i].room.id, name: rooms[i].room.name, school: rooms[i].school, teacher: false,
    kind: rooms[i].kind, present: true, since_ms: at('10:16'), hand: null,
    sources: rooms[i].kind === 'terminal' ? [] : ['microphone', 'camera'], muted: ['microphone'], quality: 'good',
    level: 40, attendance_ms: 600_000, ...over,
  });
  const teacherSeat = (over = {}) => ({
    seat: 'seat0', person: 'p1', name: w.teacher, school: urban, teacher: true, kind: 'master', present: true,
    since_ms: at('10:14'), hand: null, sources: ['microphone', 'camera', 'screen'], muted: [], quality: 'good',
    level: 70, attendance_ms: 700_000, ...over,
  });
  return { w, urban, villages, rooms, teacher, lesson, table, seat, teacherSeat };
}

// A school with two classrooms in one lesson: the demo's district has one in each of its schools.
import { until } from './wait.mjs';

/** The second classroom, as the demo's line of JSON names rooms: its school and its class. */
const CLASS = '三(4)班';
const DISPLAY = '/display';

const listed = async (api, path, name) => {
  const found = (await api('GET', `${path}?q=${encodeURIComponent(name)}`)).items[0];
  if (!found) throw new Error(`no ${name} in ${path}`);
  return found;
};

/**
 * Plans the lesson anew, from now on, for the first display's room and another one in the same school, and tells so in
 * `demo.said`: its second display has yet to be paired ({@link pairWith}). For a demo whose own lesson is not due yet.
 */
export async function planOneSchool(demo, minutes) {
  const api = await demo.signIn(demo.said.admin);
  const old = await api('GET', `/api/lessons/${demo.said.lessons[0].id}`);
  const pairing = await listed(api, '/api/pairings', old.subject);
  const first = pairing.rural[0];
  await api('DELETE', `/api/lessons/${old.id}`);
  const room = await api('POST', '/api/rooms', { school: first.school.id, name: '第二教室', kind: 'interactive', class: CLASS });
  const { id } = await api('POST', '/api/pairings', {
    subject: pairing.subject,
    grade: pairing.grade,
    teacher: pairing.teacher.id,
    master_room: pairing.master.room.id,
    rural_rooms: [first.room.id, room.id],
  });
  const starts_ms = Date.now();
  const lesson = await api('POST', '/api/lessons', { pairing: id, starts_ms, ends_ms: starts_ms + minutes * 60_000 });
  const { said } = demo;
  said.lessons = [{ id: lesson.id }];
  said.teacher.url = new URL(`/teacher/${lesson.id}`, said.base_url).href;
  const second = { room: `${first.school.name} ${CLASS}`, url: new URL(DISPLAY, said.base_url).href, room_id: room.id };
  said.displays = [said.displays[0], second];
}

/** Pairs the display that shows a code with a room, as an administrator does. */
export async function pairWith(demo, seat, room) {
  const code = await until(`${seat.who} shows a code`, () =>
    seat.evaluate(() => document.querySelector('[data-code]')?.getAttribute('data-code')));
  const api = await demo.signIn(demo.said.admin);
  await api('POST', '/api/displays/confirm', { code, room });
}

// Lessons between Chromium and Chromium on bad lines, one short case of each kind; the whole table is made by
// tests/links. Loss, a cut and a dead path are in lossy.test.mjs, lesson.test.mjs and path.test.mjs.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { play } from '../links/play.mjs';
import { judge } from '../links/results.mjs';
import { SHORT } from '../links/scenarios.mjs';

const say = (text) => console.log(`# ${text}`);

for (const scenario of SHORT) {
  test(scenario.title, { timeout: 240_000 }, async (t) => {
    const run = await play(scenario, { seed: 1, seconds: 12, warm_s: 1, calm_s: 2, signal: t.signal });
    const seen = scenario.goals.map((goal) => ({ goal, ...judge(goal, [goal.figure(run)]) }));
    for (const { goal, median } of seen) {
      const limit = goal.most === undefined ? `≥ ${goal.least}` : `≤ ${goal.most}`;
      say(`${scenario.name}: ${goal.what} ${Number(median).toFixed(2)} ${goal.unit} (${limit})`);
    }
    assert.deepEqual(seen.filter(({ holds }) => !holds).map(({ goal, median }) => `${goal.what}: ${median}`), []);
  });
}

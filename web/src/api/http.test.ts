import { afterEach, expect, test, vi } from 'vitest';
import { call, Failure } from './http';

function answers(status: number, body: string | null) {
  vi.stubGlobal('fetch', () => Promise.resolve(new Response(body, { status })));
}

afterEach(() => vi.unstubAllGlobals());

test('an answer without a body is no failure, whatever its status of success', async () => {
  for (const status of [200, 201, 202, 204]) {
    answers(status, null);
    await expect(call('/api/x', { body: {} })).resolves.toBeUndefined();
  }
});

test('an answer is what its JSON says', async () => {
  answers(201, '{"id":"a"}');
  await expect(call('/api/x')).resolves.toEqual({ id: 'a' });
});

test('what is no JSON is a failure of its own, and a refusal has the code of the server', async () => {
  answers(200, '<html>');
  await expect(call('/api/x')).rejects.toMatchObject({ code: 'bad_answer', status: 200 });
  answers(409, '{"error":{"code":"two_rules","message":"m"}}');
  const refused = call('/api/x');
  await expect(refused).rejects.toBeInstanceOf(Failure);
  await expect(refused).rejects.toMatchObject({ code: 'two_rules', status: 409 });
});

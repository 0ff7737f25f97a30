import { expect, test } from 'vitest';
import { QuestionError } from '../../src/outbound/question.ts';

test('an error names the part of the question that is at fault, and whether it is unknown or makes no sense', () => {
  const error = new QuestionError('unknown', 'trunk', 'there is no trunk x');
  expect(error).toBeInstanceOf(Error);
  expect([error.name, error.kind, error.path, error.message]).toEqual([
    'QuestionError',
    'unknown',
    'trunk',
    'there is no trunk x',
  ]);
});

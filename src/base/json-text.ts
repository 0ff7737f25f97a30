/** The JSON text of a large document in steps: of ten thousand items at once it takes as long as fifty calls. */
import type { Steps } from './steps.ts';

/** A list of more is written some at a time. */
const ITEMS_PER_STEP = 50;

/** What `JSON.stringify` gives of a plain document: objects, lists, texts, numbers. */
export function* jsonText(value: unknown): Steps<string> {
  if (!isLarge(value)) return JSON.stringify(value);
  return Array.isArray(value) ? yield* listText(value) : yield* objectText(value as object);
}

/** Whether a long list is in it; what is within the items of a list is not looked at. */
function isLarge(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return Array.isArray(value) ? value.length > ITEMS_PER_STEP : Object.values(value).some(isLarge);
}

function* listText(list: readonly unknown[]): Steps<string> {
  let text = '';
  for (let at = 0; at < list.length; at += ITEMS_PER_STEP) {
    const some = JSON.stringify(list.slice(at, at + ITEMS_PER_STEP)).slice(1, -1);
    text += at === 0 ? some : `,${some}`;
    yield;
  }
  return `[${text}]`;
}

function* objectText(object: object): Steps<string> {
  let text = '';
  for (const [name, field] of Object.entries(object)) {
    if (field === undefined) continue;
    text += `${text === '' ? '' : ','}${JSON.stringify(name)}:${yield* jsonText(field)}`;
  }
  return `{${text}}`;
}

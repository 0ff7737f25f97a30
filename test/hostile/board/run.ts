/** Runs the items of the scoreboard, all or those named, and prints each figure with its bar. Exit code 1: a bar was missed. */
import { readdirSync } from 'node:fs';
import { holds, type Item } from './item.ts';

const folder = new URL('items/', import.meta.url);
const names = readdirSync(folder).map((file) => file.replace(/\.ts$/, ''));

interface Chosen {
  readonly item: Item;
  readonly name: string;
  /** The numbers after its name. */
  readonly amounts: number[];
  /** The other words after it. */
  readonly parts: string[];
}

async function choose(words: readonly string[]): Promise<Chosen[]> {
  const chosen: Chosen[] = [];
  for (const word of words) {
    const last = chosen.at(-1);
    if (names.includes(word)) {
      const { item } = (await import(new URL(`${word}.ts`, folder).href)) as { item: Item };
      chosen.push({ item, name: word, amounts: [], parts: [] });
    } else if (last !== undefined && /^[0-9.]+$/.test(word)) last.amounts.push(Number(word));
    else if (last?.item.parts?.names.includes(word)) last.parts.push(word);
    else {
      const parts = last?.item.parts === undefined ? '' : `, nor such part: ${last.item.parts.names.join(', ')}`;
      throw new Error(`no such item: ${word}; there are: ${names.join(', ')}${parts}`);
    }
  }
  return chosen;
}

const words = process.argv.slice(2);
let missed = 0;
for (const { item, name, amounts, parts } of await choose(words.length > 0 ? words : names)) {
  console.log(`\n${name}: ${item.title}`);
  const run = parts.length > 0 ? (item.parts?.of(parts) ?? item) : item;
  for await (const figure of await run.run(...amounts)) {
    const { what, value, unit, note, bar } = figure;
    const isHeld = holds(figure);
    if (!isHeld) missed++;
    const limit = 'least' in bar ? `≥ ${bar.least}` : `≤ ${bar.most}`;
    console.log(
      `  ${isHeld ? 'holds ' : 'MISSED'} ${what.padEnd(60)} ${value.toFixed(2).padStart(10)} ${unit} (${limit})${note === undefined ? '' : `, ${note}`}`,
    );
  }
}
console.log(missed === 0 ? '\nevery bar holds' : `\n${missed} bars missed`);
process.exitCode = missed === 0 ? 0 : 1;

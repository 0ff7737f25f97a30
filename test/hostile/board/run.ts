/** Runs the items of the scoreboard, all or those named, and prints each figure with its bar. Exit code 1: a bar was missed. */
import { readdirSync } from 'node:fs';
import { holds, type Item } from './item.ts';

const folder = new URL('items/', import.meta.url);
const names = readdirSync(folder).map((file) => file.replace(/\.ts$/, ''));
const words = process.argv.slice(2);
const chosen = words.filter((word) => !/^[0-9.]+$/.test(word));
/** The numbers between a name and the next. */
const amountsOf = (name: string): number[] => {
  const rest = words.slice(words.indexOf(name) + 1);
  const end = rest.findIndex((word) => chosen.includes(word));
  return (end < 0 ? rest : rest.slice(0, end)).map(Number);
};
const unknown = chosen.filter((name) => !names.includes(name));
if (unknown.length > 0) throw new Error(`no such item: ${unknown.join(', ')}; there are: ${names.join(', ')}`);

let missed = 0;
for (const name of chosen.length > 0 ? chosen : names) {
  const { item } = (await import(new URL(`${name}.ts`, folder).href)) as { item: Item };
  console.log(`\n${name}: ${item.title}`);
  for await (const figure of await item.run(...(chosen.includes(name) ? amountsOf(name) : []))) {
    const { what, value, unit, bar } = figure;
    const isHeld = holds(figure);
    if (!isHeld) missed++;
    const limit = 'least' in bar ? `≥ ${bar.least}` : `≤ ${bar.most}`;
    console.log(
      `  ${isHeld ? 'holds ' : 'MISSED'} ${what.padEnd(60)} ${value.toFixed(2).padStart(10)} ${unit} (${limit})`,
    );
  }
}
console.log(missed === 0 ? '\nevery bar holds' : `\n${missed} bars missed`);
process.exitCode = missed === 0 ? 0 : 1;

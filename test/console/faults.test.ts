import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { faults } from '../../src/console/text/de/faults.ts';
import { findings } from '../../src/console/text/de/findings.ts';
import { translated } from '../../src/console/text/faults.ts';
import { checkProvisioning } from '../../src/provisioning/check/provisioning.ts';
import { tenantSchema } from '../../src/provisioning/tenants/schema.ts';
import { provisioningSchema } from '../../src/provisioning/trunk-settings/schema.ts';
import { parseWith } from '../../src/settings/schema-problems.ts';
import { provision } from '../trunks/kit.ts';

const rule = { name: 'r', trunk: 'carrier', dids: '1000', destination: { hangUp: true as const } };
const trunk = { type: 'register', host: 'x.example.com' };

function sourcesOf(...folders: readonly string[]): string {
  return folders
    .flatMap((folder) => {
      const path = join(import.meta.dirname, '../../src', folder);
      return readdirSync(path, { recursive: true, encoding: 'utf8' }).map((file) => join(path, file));
    })
    .filter((file) => file.endsWith('.ts'))
    .map((file) => readFileSync(file, 'utf8'))
    .join('\n');
}

function longestPart(known: string): string {
  return known.split(/\{\w+\}/).reduce((longest, part) => (part.length > longest.length ? part : longest), '');
}

/** Most sentences that the table has are said of these. */
function sentencesOfTheEngine(): readonly string[] {
  const shapes: readonly (readonly [z.ZodType, unknown])[] = [
    [
      tenantSchema,
      {
        name: '-',
        domain: 'a b',
        timeZone: 'Mars',
        emergencyNumbers: ['1'],
        dialCodes: { setCallerId: 5 },
        numberProcessing: { areaCode: '1'.repeat(40) },
        extensions: [
          { name: 'x' },
          { number: '1x', outboundCallerId: 'x', forward: { busy: 'x', noAnswerSeconds: 'x' }, media: 'allways' },
          { number: '1', limits: { dailyMinutes: -1 }, maxContacts: 5000, trustedAddresses: ['x'] },
          { number: '2', name: 'x'.repeat(5000) },
        ],
        groups: { a: 1 },
        outboundRules: [
          { name: '?', match: { prefixes: ['x'], lengths: [1.5] }, routes: [] },
          { name: 'b', match: { prefixes: ['1'] }, routes: [{ trunk: 't', strip: 'x', prepend: 'x' }] },
        ],
        inboundRules: [
          { ...rule, dids: 1, hours: { open: [{ days: ['mon'], from: '8', to: '18:00' }] }, holidays: ['x'] },
          { ...rule, destination: {} },
          { ...rule, destination: { extensions: 'x' } },
          { ...rule, destination: { extensions: '9-1' } },
        ],
      },
    ],
    [
      z.strictObject({
        list: z.array(z.int()).min(2),
        more: z.array(z.int()).max(2),
        count: z.number(),
        text: z.string().min(8),
      }),
      { list: [1], more: [1, 2, 3], count: null, text: 'x' },
    ],
    [
      provisioningSchema,
      {
        trunks: [{ ...trunk, id: '1', name: 'x'.repeat(300), host: '', credentials: { authName: '', password: 'p' } }],
      },
    ],
  ];
  const found = shapes.flatMap(([schema, value]) => {
    const parsed = parseWith(schema, value);
    return parsed.ok ? [] : parsed.problems.map(({ message }) => message);
  });
  const state = provision({
    tenants: [
      {
        name: 'acme',
        domain: 'a.example',
        outboundCallerId: '555',
        dialCodes: { anonymous: '*1', notAnonymous: '*1' },
        extensions: [{ number: '101', outboundCallerId: '4444', forward: { busy: '101' } }, { number: '101' }],
        groups: [{ name: 'g', dids: ['5'] }, { name: 'g' }],
        services: [
          { kind: 'ring-group', number: '600', name: 'a', members: ['777', '101', '101'], overflow: '600' },
          { kind: 'queue', number: '600', name: 'b' },
          { kind: 'queue', number: '101', name: 'c' },
        ],
        outboundRules: [
          { name: 'o', match: { prefixes: ['1'], groups: ['h'] }, routes: [{ trunk: 'carier' }] },
          { name: 'o', match: { prefixes: ['1'] }, routes: [{ trunk: 'nothing' }] },
        ],
        inboundRules: [
          { ...rule, outsideHours: { service: '700' } },
          { ...rule, name: 'twin' },
          { ...rule, dids: '5000' },
          { ...rule, name: 'p', dids: '+1' },
          { ...rule, name: 'q', dids: '12-1' },
          { ...rule, name: 's', dids: 'x', destination: { extension: '999' } },
          { ...rule, name: 't', dids: '1001-1002', destination: { extensions: '101-109' } },
        ],
      },
      { name: 'acme', domain: 'b.example' },
      { name: 'bare', domain: 'c.example', outboundCallerId: '1' },
    ],
    trunks: [
      { type: 'ip', host: '192.0.2.1', id: '1', name: 'carrier', tenants: [{ tenant: 'acme', didPool: '1000-1999' }] },
      { type: 'ip', host: '192.0.2.2', id: '2', name: 'second', tenants: [{ tenant: 'acme', didPool: '1-5; 3' }] },
      { type: 'ip', id: '3', name: 'c' },
      { type: 'ip', id: '6', name: 'c' },
      { type: 'register', host: 'x.example', id: '4', name: 'own', owner: 'acme' },
      { type: 'register', host: 'y.example', id: '5', name: 'own', owner: 'acme', didPool: '7' },
    ],
  });
  return [...found, ...checkProvisioning(state).map(({ message }) => message)];
}

describe('what the engine says of faults, in German', () => {
  const said = sentencesOfTheEngine();
  /** What a sentence stands for alone: it is no sentence of its own. */
  const WORDS = new Set(['a number', 'a whole number', 'a list', 'empty']);
  const sentences = Object.keys(faults).filter((known) => !WORDS.has(known));
  const isSaid = (known: string) =>
    said.some((message) => translated(message, { [known]: 'in German' }).startsWith('in German'));

  test('the engine says so in these words: most of such documents, and others stand in its sources', () => {
    const others = sentences.filter((known) => !isSaid(known));
    expect(others.length).toBeLessThan(sentences.length / 2);
    const sources = sourcesOf('api', 'base', 'provisioning', 'settings');
    expect(others.filter((known) => !sources.includes(longestPart(known)))).toEqual([]);
  });

  test('values stand in it, a guess behind it, and what is not known stays as it is', () => {
    expect(translated('there is no extension 777', faults)).toBe('es gibt keine Nebenstelle 777');
    expect(translated('must be a whole number, not text', faults)).toBe('muss eine ganze Zahl sein, nicht text');
    for (const name of ['empty', 'constructor'])
      expect(translated(`there is no group "${name}"`, faults)).toBe(`es gibt keine Gruppe „${name}“`);
    expect(translated('must be a list, not constructor', faults)).toBe('muss eine Liste sein, nicht constructor');
    expect(translated('there is no trunk "carier" (did you mean "carrier"?) that tenant "a" may use', faults)).toBe(
      'es gibt keinen Trunk „carier“, den der Mandant „a“ benutzen darf. Meinten Sie „carrier“?',
    );
    expect(translated('the moon is full', faults)).toBe('the moon is full');
  });
});

describe('what the engine says of how a trunk is, in German', () => {
  /** What stands in a file in quotes and has several words, values in it as `x`. */
  const sentencesIn = (file: string) =>
    Array.from(
      readFileSync(join(import.meta.dirname, '../../src', file), 'utf8')
        .replaceAll(/^ *(\/?\*|\/\/).*$/gm, '')
        .matchAll(/'((?:[^'\\\n]|\\.)*)'|"([^"\n]*)"|`([^`]*)`/g),
      ([, ...quoted]) => (quoted.find((text) => text !== undefined) ?? '').replaceAll(/\$\{[^}]*\}/g, 'x'),
    ).filter((text) => /[a-z]+ [a-z]+ [a-z]+/.test(text));

  test('each sentence of the doctor has German words', () => {
    const said = sentencesIn('engine/trunk-doctor.ts');
    expect(said.length).toBeGreaterThan(30);
    expect(said.filter((sentence) => translated(sentence, findings) === sentence)).toEqual([]);
  });

  test('the engine says so in these words', () => {
    const missing = ['outbound', 'inbound'].join(' and no ');
    const sources = sourcesOf('engine', 'trunks', 'sip').replaceAll("\\'", "'") + missing;
    expect(Object.keys(findings).filter((known) => !sources.includes(longestPart(known)))).toEqual([]);
  });

  test('values stand in it, reasons inside of it are German too, and the words of a provider stay', () => {
    const inGerman = (message: string) => translated(message, findings);
    expect(inGerman('no answer: nothing listens for tls')).toBe('keine Antwort: nothing listens for tls');
    expect(inGerman('offline since 2026-11-28T00:00:00Z: no answer')).toBe(
      'nicht erreichbar seit 2026-11-28T00:00:00Z: keine Antwort',
    );
    expect(inGerman('no outbound and no inbound rule has the trunk')).toBe(
      'weder eine ausgehende noch eine eingehende Regel nennt den Trunk',
    );
    expect(inGerman('Wrong Password')).toBe('Wrong Password');
  });
});

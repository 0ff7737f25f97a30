import { readFileSync } from 'node:fs';

export const WALKTHROUGH = readFileSync(new URL('../../docs/walkthrough.md', import.meta.url), 'utf8');

export interface Step {
  readonly who: string;
  readonly method: string;
  readonly url: string;
  readonly body: unknown;
  readonly status: number;
  readonly code: string | undefined;
}

/** The steps of the page: ```json WHO, then METHOD path, then the body if any, then => status and code. */
export function stepsOf(page: string): Step[] {
  return [...page.matchAll(/```json (\w+)\n(\w+) (\S+)\n([\s\S]*?)=> (\d+) ?(\S*)\n```/g)].map(
    ([, who = '', method = '', url = '', body = '', status, code = '']) => ({
      who,
      method,
      url,
      body: body.trim() === '' ? undefined : JSON.parse(body),
      status: Number(status),
      code: code === '' ? undefined : code,
    }),
  );
}

/** The files of the page: ```yaml NAME, then what is in it; ```yml for one that is refused. */
export function filesOf(page: string): Map<string, string> {
  return new Map([...page.matchAll(/```ya?ml (\S+)\n([\s\S]*?)```/g)].map(([, name = '', text = '']) => [name, text]));
}

export interface ShellCommand {
  readonly who: string;
  readonly args: readonly string[];
  /** What it prints, on both streams; `…` stands for anything. */
  readonly output: string;
}

/** The commands of the page: ```console WHO, then `$ tandem …` and what it prints. */
export function commandsOf(page: string): ShellCommand[] {
  return [...page.matchAll(/```console (\w+)\n([\s\S]*?)```/g)].flatMap(([, who = '', session = '']) =>
    [...session.matchAll(/^\$ tandem (.*)\n((?:(?!\$ ).*\n)*)/gm)].map(([, line = '', output = '']) => ({
      who,
      args: line.split(' '),
      output,
    })),
  );
}

import type { ComponentChildren } from 'preact';
import { exactTime, known, relative } from '../text/index.ts';

type Tone = 'good' | 'warn' | 'bad' | 'info' | 'none';

/** A state is a word; its colour only repeats it. */
export function State({ tone, children }: { readonly tone: Tone; readonly children: ComponentChildren }) {
  return <span class={`state tone-${tone}`}>{children}</span>;
}

const TRUNK_TONES: Readonly<Record<string, Tone>> = {
  online: 'good',
  offline: 'bad',
  rejected: 'bad',
  registering: 'warn',
  unknown: 'none',
};

export function TrunkState({ state }: { readonly state: string }) {
  return <State tone={TRUNK_TONES[state] ?? 'none'}>{known(`state.${state}`, state)}</State>;
}

/** When, in words; the exact time on a pointer. */
export function When({ at }: { readonly at: string }) {
  return (
    <time dateTime={at} title={exactTime(at)} class="nowrap">
      {relative(at)}
    </time>
  );
}

import type { ComponentChildren } from 'preact';
import { Icon } from './icons.tsx';

type Kind = 'info' | 'good' | 'warn' | 'bad';
const ICONS = { info: 'info', good: 'good', warn: 'warn', bad: 'warn' } as const;

export function Note({ kind, children }: { readonly kind: Kind; readonly children: ComponentChildren }) {
  return (
    <div class={`note tone-${kind}`}>
      <Icon name={ICONS[kind]} />
      <div class="grow break">{children}</div>
    </div>
  );
}

/** Short words at the foot of the page about what was just done; read out, and gone after a while. */
import { signalOf, useSignal } from '../client/signal.ts';
import { Icon } from './icons.tsx';

interface Toast {
  readonly id: number;
  readonly text: string;
}

const SHOWN_MS = 6000;
const toasts = signalOf<readonly Toast[]>([]);
let count = 0;

export function say(text: string): void {
  const toast = { id: count++, text };
  toasts.set([...toasts.value, toast]);
  window.setTimeout(() => toasts.set(toasts.value.filter(({ id }) => id !== toast.id)), SHOWN_MS);
}

export function Toasts() {
  return (
    <div class="toasts" role="status" aria-live="polite">
      {useSignal(toasts).map(({ id, text }) => (
        <div class="toast" key={id}>
          <Icon name="good" />
          <span class="grow break">{text}</span>
        </div>
      ))}
    </div>
  );
}

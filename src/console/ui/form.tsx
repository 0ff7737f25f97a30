/** Forms: what was typed by the path of its field, and the faults that the engine found by the same path. */
import type { ComponentChildren } from 'preact';
import { useId, useRef, useState } from 'preact/hooks';
import type { Problem } from '../../base/errors.ts';
import { type Fault, RequestError } from '../client/http.ts';
import { inWords, type TextKey, t } from '../text/index.ts';
import { Note } from './note.tsx';

export interface Form<V extends object, L extends string = string> {
  /** As they were drawn. */
  readonly values: V;
  readonly faults: readonly Problem[];
  readonly busy: boolean;
  readonly dirty: boolean;
  /** Of its fields, by path. */
  readonly labels: Readonly<Record<L, string>>;
  /** The values as they are now: what was typed since they were drawn, and while an answer was awaited, is in them. */
  latest(): V;
  set<K extends keyof V>(name: K, value: V[K]): void;
  /** Several at once. */
  change(some: Partial<V>): void;
  /** @param dirty whether some of it was typed and is not saved */
  setAll(values: V, dirty?: boolean): void;
  setFaults(faults: readonly Problem[]): void;
  /** What a text field needs of the value at this path. */
  field(name: keyof V & L): Pick<TextFieldProps, 'label' | 'value' | 'error' | 'onInput'>;
  /** And a check box, whose label is of itself. */
  check(name: keyof V & string): Pick<CheckFieldProps, 'checked' | 'error' | 'onChange'>;
  /** Runs what saves, or with `saves` false only asks; faults that come back are shown at their fields. Tells whether it went well. */
  run(work: () => Promise<unknown>, saves?: boolean): Promise<boolean>;
}

/** Something that is done when somebody asks: whether it is under way, and what an answer found fault with. */
export function useWork() {
  const [faults, setFaults] = useState<readonly Problem[]>([]);
  const [underWay, setUnderWay] = useState(0);
  /** Tells whether it went well. */
  const run = async (work: () => Promise<unknown>): Promise<boolean> => {
    setUnderWay((count) => count + 1);
    setFaults([]);
    try {
      await work();
      return true;
    } catch (error) {
      setFaults(faultsOf(error));
      return false;
    } finally {
      setUnderWay((count) => count - 1);
    }
  };
  return { busy: underWay > 0, faults, setFaults, run };
}

export function useForm<V extends object, L extends string = never>(
  initial: V,
  labels = {} as Readonly<Record<L, string>>,
): Form<V, L> {
  const [values, setValues] = useState(initial);
  const latest = useRef(initial);
  const { busy, faults, setFaults, run } = useWork();
  const [dirty, setDirty] = useState(false);
  const put = (next: V, isTyped: boolean) => {
    latest.current = next;
    setValues(next);
    setDirty(isTyped);
  };
  const change = (some: Partial<V>) => {
    put({ ...latest.current, ...some }, true);
    setFaults((before) => before.filter((fault) => !Object.keys(some).some((path) => isAt(fault, path))));
  };
  return {
    values,
    faults,
    busy,
    dirty,
    labels,
    set: (name, value) => change({ [name]: value } as unknown as Partial<V>),
    change,
    latest: () => latest.current,
    setAll(next, isTyped = false) {
      put(next, isTyped);
      setFaults([]);
    },
    setFaults,
    field: (name) => ({
      label: labels[name],
      value: String(values[name]),
      error: faultAt(faults, name),
      onInput: (text) => change({ [name]: text } as unknown as Partial<V>),
    }),
    check: (name) => ({
      checked: values[name] === true,
      error: faultAt(faults, name),
      onChange: (checked) => change({ [name]: checked } as unknown as Partial<V>),
    }),
    async run(work, saves = true) {
      const sent = latest.current;
      const isDone = await run(work);
      if (isDone && saves && latest.current === sent) setDirty(false);
      return isDone;
    },
  };
}

/** What is said of these in the reader's language: they come to everybody, and tell what to do. */
const OWN_WORDS: ReadonlyMap<string, TextKey> = new Map([
  ['unreachable', 'app.unreachable'],
  ['unauthenticated', 'form.sessionEnded'],
  ['changed-meanwhile', 'form.changedMeanwhile'],
]);

/** What an answer found fault with; without a path when it is about no field. */
export function faultsOf(error: unknown): readonly Problem[] {
  if (!(error instanceof RequestError)) throw error;
  if (error.problems.length > 0) return error.problems.map(inFull);
  return [{ code: error.code, path: '', message: wordsOf(error) }];
}

/** What it says, in the reader's language. */
export function wordsOf({ code, message }: RequestError): string {
  const words = OWN_WORDS.get(code);
  return words === undefined ? inWords(message) : t(words);
}

/** The same with words of its own where no answer comes: nobody knows then whether what it asks for was done. */
export async function orUnanswered<T>(asked: Promise<T>, words: string): Promise<T> {
  try {
    return await asked;
  } catch (error) {
    if (error instanceof RequestError && error.code === 'unreachable') throw new RequestError(0, 'unanswered', words);
    throw error;
  }
}

/** A fault in the reader's language, which names the entry of the list that it is about. */
function inFull({ code, path, message, entry }: Fault): Problem {
  const words = inWords(message);
  return { code, path, message: entry === undefined || message.includes(entry) ? words : `${entry}: ${words}` };
}

/** Where something stands in a document, as the engine names it in a fault: `options.bnc`, `tenants[0].didPool`. */
export type PathOf<T> = Below<T> extends infer Path ? (Path extends `.${infer Name}` ? Name : never) : never;

type Below<T> = T extends readonly (infer Item)[]
  ? `[${number}]` | `[${number}]${Below<Item>}`
  : T extends object
    ? { [Name in keyof T & string]-?: `.${Name}` | `.${Name}${Below<T[Name]>}` }[keyof T & string]
    : never;

/** Whether a fault is about a field or what is below it. */
function isAt(fault: Problem, path: string): boolean {
  return fault.path === path || fault.path.startsWith(`${path}.`) || fault.path.startsWith(`${path}[`);
}

/** The first fault of a field or of what is below it. */
export function faultAt(faults: readonly Problem[], path: string): string | undefined {
  return faults.find((fault) => isAt(fault, path))?.message;
}

/** What is sent by a button or by Enter: never by the browser itself, which would leave the page. */
export function SubmitForm({
  class: name = 'form',
  onSubmit,
  children,
}: {
  class?: string;
  onSubmit: () => unknown;
  children: ComponentChildren;
}) {
  return (
    <form
      class={name}
      onSubmit={(event) => {
        event.preventDefault();
        void onSubmit();
      }}
    >
      {children}
    </form>
  );
}

/** All faults before the form, those without a field of it in full; read out when they come. */
export function FaultSummary({
  faults,
  fields = {},
  title = t('form.faults'),
}: {
  faults: readonly Problem[];
  /** The labels of the form's fields, by path. */
  fields?: Readonly<Record<string, string>>;
  title?: string;
}) {
  if (faults.length === 0) return <div role="alert" />;
  return (
    <div role="alert">
      <Note kind="bad">
        <strong>{title}</strong>
        <ul>
          {faults.map((fault) => {
            const path = Object.keys(fields).find((known) => faultAt([fault], known) !== undefined);
            const [, row] = /^\[(\d+)\]\./.exec(fault.path.slice(path?.length)) ?? [];
            const label = path === undefined ? fault.path : fields[path];
            const name = path === undefined || row === undefined ? label : `${label} ${Number(row) + 1}`;
            return (
              <li class="break" key={fault.path + fault.message}>
                {name === '' ? '' : `${name}: `}
                {fault.message}
              </li>
            );
          })}
        </ul>
      </Note>
    </div>
  );
}

interface FieldProps {
  readonly label: string;
  readonly help?: ComponentChildren;
  readonly error?: string | undefined;
  readonly optional?: boolean;
}

export interface TextFieldProps extends FieldProps {
  readonly value: string;
  onInput(value: string): void;
  readonly type?: 'text' | 'password';
  readonly name?: string;
  readonly autocomplete?: string;
  readonly placeholder?: string;
  readonly inputMode?: 'numeric' | 'text' | 'tel';
  readonly mono?: boolean;
  readonly rows?: number;
  readonly required?: boolean;
  readonly list?: readonly string[];
  readonly autofocus?: boolean;
  readonly disabled?: boolean;
}

export function TextField(props: TextFieldProps) {
  const {
    value,
    onInput,
    type = 'text',
    name,
    autocomplete = 'off',
    placeholder,
    inputMode,
    mono,
    rows,
    required,
    list,
  } = props;
  const id = useId();
  const common = {
    id,
    class: mono === true ? 'input input-mono' : 'input',
    value,
    name,
    placeholder,
    required,
    disabled: props.disabled,
    'aria-invalid': props.error === undefined ? undefined : ('true' as const),
    'aria-describedby': `${id}-about`,
    spellcheck: false,
    onInput: (event: { currentTarget: { value: string } }) => onInput(event.currentTarget.value),
  };
  return (
    <Labelled id={id} {...props}>
      {rows === undefined ? (
        <input
          {...common}
          autocomplete={autocomplete}
          inputMode={inputMode}
          {...({ type, ...(list === undefined ? {} : { list: `${id}-list` }) } as object)}
          {...(props.autofocus === true ? { ref: focusOnce } : {})}
        />
      ) : (
        <textarea {...common} rows={rows} />
      )}
      {list === undefined ? null : (
        <datalist id={`${id}-list`}>
          {list.map((entry) => (
            <option value={entry} key={entry} />
          ))}
        </datalist>
      )}
    </Labelled>
  );
}

function focusOnce(element: HTMLInputElement | null): void {
  element?.focus();
}

interface SelectFieldProps extends FieldProps {
  readonly value: string;
  onChange(value: string): void;
  readonly options: readonly { readonly value: string; readonly label: string; readonly disabled?: boolean }[];
  readonly hideLabel?: boolean;
  readonly disabled?: boolean;
}

export function SelectField(props: SelectFieldProps) {
  const id = useId();
  return (
    <Labelled id={id} {...props}>
      <select
        id={id}
        class="input"
        value={props.value}
        disabled={props.disabled}
        aria-invalid={props.error === undefined ? undefined : 'true'}
        aria-describedby={`${id}-about`}
        onChange={(event) => props.onChange(event.currentTarget.value)}
      >
        {props.options.map(({ value, label, disabled }) => (
          <option value={value} key={value} disabled={disabled} selected={value === props.value}>
            {label}
          </option>
        ))}
      </select>
    </Labelled>
  );
}

function Labelled({
  id,
  label,
  help,
  error,
  optional,
  hideLabel,
  children,
}: FieldProps & { id: string; hideLabel?: boolean; children: ComponentChildren }) {
  return (
    <div class="field">
      <label for={id} class={hideLabel === true ? 'visually-hidden' : 'field-label'}>
        {label}
        {optional === true ? ' ' : ''}
        {optional === true ? <span class="field-optional">{t('field.optional')}</span> : null}
      </label>
      {children}
      <div id={`${id}-about`} class="stack-small">
        {error === undefined ? null : <p class="field-error">{error}</p>}
        {help === undefined ? null : <p class="field-help">{help}</p>}
      </div>
    </div>
  );
}

interface CheckFieldProps extends FieldProps {
  readonly checked: boolean;
  onChange(checked: boolean): void;
  readonly disabled?: boolean;
}

export function CheckField({ label, help, error, checked, onChange, disabled }: CheckFieldProps) {
  const id = useId();
  return (
    <div class="check">
      <input
        id={id}
        type="checkbox"
        checked={checked}
        disabled={disabled}
        aria-describedby={help === undefined && error === undefined ? undefined : `${id}-about`}
        aria-invalid={error === undefined ? undefined : 'true'}
        onChange={(event) => onChange(event.currentTarget.checked)}
      />
      <label for={id}>{label}</label>
      <div id={`${id}-about`} class="field-help">
        {error === undefined ? null : <p class="field-error">{error}</p>}
        {help}
      </div>
    </div>
  );
}

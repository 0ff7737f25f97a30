import type { Command, CommandEntry } from './command.ts';
import { UsageError } from './command-error.ts';

interface Words {
  readonly name: string;
  readonly summary: string;
  readonly options: readonly string[];
}

/** Knows the words of these commands. */
export function completionOf(commands: readonly CommandEntry[]): Command {
  return {
    usage: 'tandem completion bash|zsh|fish',
    details:
      'bash: source <(tandem completion bash). zsh: tandem completion zsh > ~/.zfunc/_tandem (a folder of fpath). fish: tandem completion fish | source.',
    options: {},
    takesArguments: true,
    async run(context) {
      const [shell] = context.arguments;
      const script = SCRIPTS[shell ?? ''];
      if (script === undefined || context.arguments.length > 1)
        throw new UsageError('say for which shell: bash, zsh or fish');
      const words: Words[] = [];
      for (const { name, summary, load } of commands) {
        const { options } = await load();
        words.push({ name, summary, options: [...Object.keys(options), 'help'].map((option) => `--${option}`) });
      }
      context.terminal.out(script(words));
      return 0;
    },
  };
}

const SCRIPTS: Readonly<Record<string, (words: readonly Words[]) => string>> = { bash, zsh, fish };

function bash(words: readonly Words[]): string {
  const cases = words.map(({ name, options }) => `    ${name}) words="${options.join(' ')}" ;;`);
  return `_tandem() {
  local word=\${COMP_WORDS[COMP_CWORD]} words=""
  if [ "$COMP_CWORD" -eq 1 ]; then
    COMPREPLY=($(compgen -W "${words.map(({ name }) => name).join(' ')}" -- "$word"))
    return
  fi
  case \${COMP_WORDS[1]} in
${cases.join('\n')}
  esac
  if [[ $word == -* ]]; then COMPREPLY=($(compgen -W "$words" -- "$word")); else COMPREPLY=($(compgen -f -- "$word")); fi
}
complete -o filenames -F _tandem tandem
`;
}

function zsh(words: readonly Words[]): string {
  const commands = words.map(({ name, summary }) => `    ${quoted(`${name}:${summary}`)}`);
  const cases = words.map(({ name, options }) => `    ${name}) compadd -- ${options.join(' ')}; _files ;;`);
  return `#compdef tandem
_tandem() {
  local -a commands=(
${commands.join('\n')}
  )
  if (( CURRENT == 2 )); then _describe command commands; return; fi
  case $words[2] in
${cases.join('\n')}
  esac
}
compdef _tandem tandem
`;
}

function fish(words: readonly Words[]): string {
  const lines = words.flatMap(({ name, summary, options }) => [
    `complete -c tandem -n __fish_use_subcommand -a ${name} -d ${quoted(summary)}`,
    ...options.map((option) => `complete -c tandem -n '__fish_seen_subcommand_from ${name}' -l ${option.slice(2)}`),
  ]);
  return `${lines.join('\n')}\n`;
}

/** A text as one word of a shell. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", String.raw`'\''`)}'`;
}

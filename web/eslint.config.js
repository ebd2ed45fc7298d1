import svelte from 'eslint-plugin-svelte';
import globals from 'globals';
import parser from 'svelte-eslint-parser';
import ts from 'typescript-eslint';

/** HTML sinks: every text on the pages is set as text. */
const sinks = ['innerHTML', 'outerHTML', 'insertAdjacentHTML', 'srcdoc'].map((property) => ({
  property,
  message: 'Texts are set as text, never as HTML.',
}));

export default ts.config(
  { ignores: ['dist', 'out', 'node_modules', 'src/api/schema.ts'] },
  ...ts.configs.recommended,
  ...svelte.configs['flat/recommended'],
  {
    languageOptions: { globals: { ...globals.browser, ...globals.node } },
    rules: {
      'no-restricted-properties': ['error', ...sinks],
      'no-eval': 'error',
      'no-implied-eval': 'error',
      '@typescript-eslint/no-explicit-any': 'error',
      'svelte/no-at-html-tags': 'error',
      'svelte/require-each-key': 'error',
      // Pages navigate by plain links between documents; there is no router whose paths could be resolved.
      'svelte/no-navigation-without-resolve': 'off',
      // Maps and Dates in these files are plain values that no template watches.
      'svelte/prefer-svelte-reactivity': 'off',
    },
  },
  { files: ['**/*.svelte'], languageOptions: { parser, parserOptions: { parser: ts.parser } } },
  { files: ['**/*.svelte.ts'], languageOptions: { parser: ts.parser } },
);

import { start } from '../ui/mount';
import Admin from './Admin.svelte';

start(Admin, 'admin.title');

import { start } from '../ui/mount';
import Teacher from './Teacher.svelte';

start(Teacher, 'teacher.title');

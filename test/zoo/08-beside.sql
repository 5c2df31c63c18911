create event trigger watch on ddl_command_end when tag in ('CREATE TABLE') execute procedure zoo.on_ddl();
create publication of_users for table zoo.animals;

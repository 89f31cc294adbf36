"""The database: one mistake for each rule of rules/database.py, or more."""

from deploy.check.seeded.defect import REGION, Defect

DEFECTS = [
    Defect(
        "backups for one day",
        f"{REGION}/database.tf",
        "backup_retention_period      = var.database_backup_days",
        "backup_retention_period      = 1",
        "database_is_kept",
        "1 days",
    ),
    Defect(
        "an unencrypted database",
        f"{REGION}/database.tf",
        "storage_encrypted = true",
        "storage_encrypted = false",
        "database_is_encrypted",
        "docdb_cluster",
    ),
    Defect(
        "a database without TLS",
        f"{REGION}/database.tf",
        'value        = "tls1.2+"',
        'value        = "disabled"',
        "database_tells",
        "tls",
    ),
    Defect(
        "parameters of another engine",
        f"{REGION}/database.tf",
        'family      = "docdb${join(".", slice(split(".", var.database_engine_version), 0, 2))}"',
        'family      = "docdb5.0"',
        "parameters_fit_the_engine",
        "docdb5.0",
    ),
    Defect(
        "every instance in one zone",
        f"{REGION}/database.tf",
        "availability_zone = var.availability_zones[count.index % 3]",
        "availability_zone = var.availability_zones[0]",
        "database_survives_a_zone",
        "us-east-1a",
    ),
    Defect(
        "a database without a security group",
        f"{REGION}/database.tf",
        "vpc_security_group_ids          = [aws_security_group.database.id]",
        "vpc_security_group_ids          = []",
        "database_stands_in_its_network",
    ),
    Defect(
        "small instances in a global cluster",
        f"{REGION}/database.tf",
        "instance_class     = var.database_instance_class",
        'instance_class     = "db.t4g.medium"',
        "global_cluster_classes",
        "db.t4g.medium",
        "production-warm",
    ),
]
